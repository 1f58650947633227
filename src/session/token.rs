//! Connect tokens: a signed statement who somebody is, instead of a cookie. An
//! existing site hands its users over with one, and load tools sign in by it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::protocol::{name::UserName, user::User};

/// How far the clocks of two machines may lie apart, in seconds.
const LEEWAY: u64 = 5;
/// No honest token is longer, in bytes.
const LONGEST: usize = 2_048;
/// The longest user id.
const ID_CHARS: usize = 64;

/// What a token says. Other claims are ignored, except `aud`: a token meant
/// for somebody else is refused.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    /// The user's id.
    sub: String,
    /// The user's name.
    name: String,
    /// When it ends, in seconds since 1970. Some issuers write a fraction.
    exp: serde_json::Number,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<serde_json::Number>,
}

/// Why a token is not accepted. It does not repeat the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No token at all, or one signed by somebody else or in another way.
    #[error("the token is not signed by this server's token.secret with HS256")]
    Invalid,
    /// A claim is missing or has no valid value.
    #[error("the token needs sub (1 to 64 visible ASCII characters), name and exp, and no aud")]
    Claims,
    /// It ended, or has not begun.
    #[error("the token is over, or not valid yet")]
    Expired,
}

/// Signs a token.
pub fn mint(
    secret: &SecretString,
    name: &UserName,
    ttl: Duration,
    id: &str,
) -> Result<String, TokenError> {
    if !is_user_id(id) {
        return Err(TokenError::Claims);
    }
    let exp = unix_seconds(SystemTime::now()).saturating_add(ttl.as_secs());
    let claims = Claims {
        sub: id.to_owned(),
        name: name.as_str().to_owned(),
        exp: exp.into(),
        nbf: None,
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    let header = Header::new(Algorithm::HS256);
    jsonwebtoken::encode(&header, &claims, &key).map_err(|_| TokenError::Invalid)
}

/// Who a token speaks of, and when it ends.
pub fn verify(
    secret: &SecretString,
    token: &str,
    now: SystemTime,
) -> Result<(User, SystemTime), TokenError> {
    if token.len() > LONGEST {
        return Err(TokenError::Invalid);
    }
    // A header that cannot be read (such as alg "none") is not a claim's fault.
    jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
    let mut validation = Validation::new(Algorithm::HS256);
    // Time is compared below, with the caller's clock.
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
        .map_err(|error| match error.kind() {
            ErrorKind::Json(_)
            | ErrorKind::MissingRequiredClaim(_)
            | ErrorKind::InvalidAudience => TokenError::Claims,
            _ => TokenError::Invalid,
        })?
        .claims;
    let exp = whole_seconds(&claims.exp).ok_or(TokenError::Claims)?;
    let nbf = match &claims.nbf {
        Some(nbf) => whole_seconds(nbf).ok_or(TokenError::Claims)?,
        None => 0,
    };
    let now = unix_seconds(now);
    if exp.saturating_add(LEEWAY) <= now || nbf > now.saturating_add(LEEWAY) {
        return Err(TokenError::Expired);
    }
    if !is_user_id(&claims.sub) {
        return Err(TokenError::Claims);
    }
    let name: UserName = claims.name.parse().map_err(|_| TokenError::Claims)?;
    let end = UNIX_EPOCH
        .checked_add(Duration::from_secs(exp))
        .ok_or(TokenError::Claims)?;
    Ok((User::new(claims.sub, name.as_str()), end))
}

/// Whether a text may be a user's id: it appears in logs and in Redis keys.
fn is_user_id(text: &str) -> bool {
    (1..=ID_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A date of JWT, rounded down.
fn whole_seconds(number: &serde_json::Number) -> Option<u64> {
    if let Some(seconds) = number.as_u64() {
        return Some(seconds);
    }
    let seconds = number.as_f64().filter(|seconds| *seconds >= 0.0)?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .map(|d| d.as_secs())
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn secret() -> SecretString {
        "0123456789abcdef0123456789abcdef".into()
    }

    fn signed(algorithm: Algorithm, claims: &Value) -> String {
        let key = EncodingKey::from_secret(secret().expose_secret().as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
    }

    fn verified(token: &str) -> Result<User, TokenError> {
        verify(&secret(), token, SystemTime::now()).map(|(user, _)| user)
    }

    fn in_an_hour() -> u64 {
        unix_seconds(SystemTime::now() + HOUR)
    }

    #[test]
    fn a_minted_token_says_who_it_is_for_and_until_when() {
        let token = mint(&secret(), &"Ada".parse().unwrap(), HOUR, "u-1").unwrap();
        let now = SystemTime::now();
        let (user, end) = verify(&secret(), &token, now).unwrap();
        assert_eq!(user, User::new("u-1", "Ada"));
        let left = end.duration_since(now).unwrap();
        assert!(left <= HOUR && left > HOUR / 2);
    }

    #[test]
    fn a_token_ends() {
        let token = mint(&secret(), &"Ada".parse().unwrap(), HOUR, "u-1").unwrap();
        let at = |after| verify(&secret(), &token, SystemTime::now() + after).map(|_| ());
        assert_eq!(at(HOUR / 2), Ok(()));
        assert_eq!(
            at(HOUR + Duration::from_secs(LEEWAY + 2)),
            Err(TokenError::Expired)
        );
    }

    #[test]
    fn a_token_with_another_signature_is_refused() {
        let token = mint(&secret(), &"Ada".parse().unwrap(), HOUR, "u-1").unwrap();
        let other = "another secret, as long as the first".into();
        assert_eq!(
            verify(&other, &token, SystemTime::now()).unwrap_err(),
            TokenError::Invalid
        );
        let (head, signature) = token.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        let forged = format!("{head}.{first}{}", &signature[1..]);
        for text in ["", "a.b.c", forged.as_str(), head, &"x".repeat(5_000)] {
            assert_eq!(verified(text), Err(TokenError::Invalid), "{text:?}");
        }
    }

    #[test]
    fn only_hs256_counts() {
        let claims = json!({ "sub": "u-1", "name": "Ada", "exp": in_an_hour() });
        assert!(verified(&signed(Algorithm::HS256, &claims)).is_ok());
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(
                verified(&signed(algorithm, &claims)),
                Err(TokenError::Invalid)
            );
        }
        // {"alg":"none","typ":"JWT"}
        let token = signed(Algorithm::HS256, &claims);
        let claims = token.split('.').nth(1).unwrap();
        let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.");
        assert_eq!(verified(&unsigned), Err(TokenError::Invalid));
    }

    #[test]
    fn every_claim_is_needed_and_checked() {
        let exp = in_an_hour();
        for claims in [
            json!({ "name": "Ada", "exp": exp }),
            json!({ "sub": "u-1", "exp": exp }),
            json!({ "sub": "u-1", "name": "Ada" }),
            json!({ "sub": "", "name": "Ada", "exp": exp }),
            json!({ "sub": "a b", "name": "Ada", "exp": exp }),
            json!({ "sub": "ä", "name": "Ada", "exp": exp }),
            json!({ "sub": "u".repeat(65), "name": "Ada", "exp": exp }),
            json!({ "sub": "u-1", "name": "\u{202E}", "exp": exp }),
            json!({ "sub": "u-1", "name": "Ada", "exp": "soon" }),
            json!({ "sub": "u-1", "name": "Ada", "exp": -1 }),
            json!({ "sub": "u-1", "name": "Ada", "exp": exp, "aud": "others" }),
        ] {
            let token = signed(Algorithm::HS256, &claims);
            assert_eq!(verified(&token), Err(TokenError::Claims), "{claims}");
        }
    }

    #[test]
    fn dates_may_have_fractions_and_a_token_may_begin_later() {
        let exp = Value::from(format!("{}.5", in_an_hour()).parse::<f64>().unwrap());
        let mut claims = json!({ "sub": "u-1", "name": "Ada", "exp": exp });
        assert!(verified(&signed(Algorithm::HS256, &claims)).is_ok());
        claims["nbf"] = in_an_hour().into();
        let token = signed(Algorithm::HS256, &claims);
        assert_eq!(verified(&token), Err(TokenError::Expired));
    }
}
