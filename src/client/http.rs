//! As much of HTTP/1.1 as a client of this server needs: requests on a connection that stays
//! open, answers with a length, a few headers.

use memchr::memmem;

/// An answer at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read<'a> {
    /// A whole answer, and how many bytes it took.
    Whole(Answer<'a>, usize),
    /// Not all of it is there yet.
    Part,
    /// Nothing that is understood.
    Bad,
}

/// An answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) cookies: Vec<&'a str>,
    pub(crate) retry_after: Option<u64>,
    pub(crate) stays_open: bool,
    pub(crate) body: &'a [u8],
}

/// Reads the answer at the start of some bytes.
pub(crate) fn read(bytes: &[u8]) -> Read<'_> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > 64 * 1024 {
            Read::Bad
        } else {
            Read::Part
        };
    };
    let Ok(head) = std::str::from_utf8(&bytes[..end]) else {
        return Read::Bad;
    };
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|line| line.get(..3)?.parse().ok());
    let Some(status) = status else {
        return Read::Bad;
    };
    let mut answer = Answer {
        status,
        stays_open: true,
        ..Answer::default()
    };
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse::<usize>().ok();
        } else if name.eq_ignore_ascii_case("set-cookie") {
            answer.cookies.push(value);
        } else if name.eq_ignore_ascii_case("retry-after") {
            answer.retry_after = value.parse().ok();
        } else if name.eq_ignore_ascii_case("connection") {
            answer.stays_open = !value.eq_ignore_ascii_case("close");
        }
    }
    // Answers without a body have no length; one in chunks is never sent here.
    let length = match (length, status) {
        (_, 101 | 204 | 304) => 0,
        (Some(length), _) => length,
        (None, _) => return Read::Bad,
    };
    let start = end + 4;
    match bytes.get(start..start.saturating_add(length)) {
        Some(body) => {
            answer.body = body;
            Read::Whole(answer, start + length)
        }
        None => Read::Part,
    }
}

/// Writes a request.
pub(crate) fn write(
    out: &mut Vec<u8>,
    method: &str,
    path: &str,
    host: &str,
    headers: &str,
    body: Option<&str>,
) {
    out.extend(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}").as_bytes());
    if let Some(body) = body {
        let length = body.len();
        let head = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        out.extend(head.as_bytes());
        out.extend(body.as_bytes());
    } else {
        out.extend(b"\r\n");
    }
}

/// The cookies that a person of the run keeps: who they are, and the
/// balancer's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cookies(Vec<(String, String)>);

impl Cookies {
    /// Takes what an answer sets.
    pub(crate) fn take(&mut self, set: &[&str]) {
        for cookie in set {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            self.0.retain(|(held, _)| held != name);
            if !value.is_empty() && !cookie.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// The header that sends them back, or nothing.
    pub(crate) fn header(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        format!("Cookie: {}\r\n", self.pairs())
    }

    /// What stands in that header.
    pub(crate) fn pairs(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] =
        b"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\nRetry-After: 3\r\nSet-Cookie: SRV=a; Path=/\r\n\r\nhello";

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        for cut in 0..ANSWER.len() {
            assert_eq!(read(&ANSWER[..cut]), Read::Part);
        }
        let Read::Whole(answer, size) = read(ANSWER) else {
            panic!("it is whole");
        };
        assert_eq!((answer.status, size), (503, ANSWER.len()));
        assert_eq!(answer.retry_after, Some(3));
        assert_eq!(answer.cookies, ["SRV=a; Path=/"]);
        assert_eq!(answer.body, b"hello");
        assert!(answer.stays_open);
    }

    #[test]
    fn an_upgrade_has_no_body() {
        let bytes = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n\x81\x02hi";
        let Read::Whole(answer, size) = read(bytes) else {
            panic!("it is whole");
        };
        assert_eq!((answer.status, size), (101, bytes.len() - 4));
    }

    #[test]
    fn what_is_no_http_is_bad() {
        assert_eq!(read(b"SSH-2.0\r\n\r\n"), Read::Bad);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\nendless"), Read::Bad);
    }

    #[test]
    fn cookies_are_replaced_and_removed() {
        let mut cookies = Cookies::default();
        cookies.take(&["a=1; Path=/", "SRV=x"]);
        cookies.take(&["a=2", "SRV=; Max-Age=0"]);
        assert_eq!(cookies.header(), "Cookie: a=2\r\n");
        cookies.take(&["a=; Max-Age=0"]);
        assert_eq!(cookies.header(), "");
    }
}
