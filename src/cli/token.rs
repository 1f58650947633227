//! `hubbub token`: connect tokens for load tools and for trying things out.

use std::{
    io::{self, BufWriter, Write as _},
    time::Duration,
};

use clap::Args;
use hubbub::{config::Config, protocol::name::UserName, session::token};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::{Failure, parse_duration};

/// For whom tokens are minted.
#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    /// The name others read; with --count it gets a number: N-1, N-2 …
    #[arg(long)]
    name: String,
    /// How long each token is good for, such as 10m, 1h or 7d
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    ttl: Duration,
    /// How many tokens, each for another user
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
}

/// Prints the tokens, one per line.
pub(super) fn print(arguments: &TokenArguments) -> Result<(), Failure> {
    let config = Config::read()?;
    let Some(secret) = config.token.secret else {
        return Err(Failure::refused(
            "token.secret is not set, so no token can be signed. Give this command the secret \
             of the server, as HUBBUB__TOKEN__SECRET or HUBBUB__TOKEN__SECRET_FILE.",
        ));
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for number in 1..=arguments.count {
        writeln!(out, "{}", mint(&secret, arguments, number)?)?;
    }
    out.flush()?;
    Ok(())
}

fn mint(secret: &SecretString, arguments: &TokenArguments, number: u32) -> Result<String, Failure> {
    let name = if arguments.count == 1 {
        arguments.name.clone()
    } else {
        format!("{}-{number}", arguments.name)
    };
    let name: UserName = name
        .parse()
        .map_err(|error| Failure::refused(format!("--name {name:?}: {error}")))?;
    token::mint(secret, &name, arguments.ttl, &id_of(&name))
        .map_err(|error| Failure::failed(error.to_string()))
}

/// The id follows from the name: a later token for the same name is the same
/// user, and can refresh what an earlier one opened.
fn id_of(name: &UserName) -> String {
    let hash = Sha256::digest(name.skeleton());
    hash.iter()
        .take(8)
        .fold(String::from("t-"), |id, byte| format!("{id}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::SystemTime};

    use super::*;

    fn arguments(name: &str, count: u32) -> TokenArguments {
        TokenArguments {
            name: name.to_owned(),
            ttl: Duration::from_secs(60),
            count,
        }
    }

    fn secret() -> SecretString {
        "0123456789abcdef0123456789abcdef".into()
    }

    #[test]
    fn several_tokens_are_for_as_many_users() {
        let users = (1..=3).map(|number| {
            let token = mint(&secret(), &arguments("Ada", 3), number).ok().unwrap();
            token::verify(&secret(), &token, SystemTime::now())
                .unwrap()
                .0
        });
        let users = users.collect::<Vec<_>>();
        let names = users.iter().map(|user| &*user.name).collect::<Vec<_>>();
        assert_eq!(names, ["Ada-1", "Ada-2", "Ada-3"]);
        let ids = users.iter().map(|user| &user.id).collect::<HashSet<_>>();
        assert_eq!(ids.len(), 3);
    }

    #[test]
    fn a_single_token_has_the_very_name() {
        let token = mint(&secret(), &arguments("Ada", 1), 1).ok().unwrap();
        let (user, _) = token::verify(&secret(), &token, SystemTime::now()).unwrap();
        assert_eq!(&*user.name, "Ada");
    }

    #[test]
    fn what_is_no_name_is_wrong_usage() {
        let failure = mint(&secret(), &arguments("\u{202E}", 1), 1).err().unwrap();
        assert_eq!(failure.status, super::super::REFUSED);
    }
}
