//! As much HTTP/1.1 as one client on loopback needs: requests with a `Content-Length`, answers in one piece or chunked.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Far above any head that Codex sends.
const HEAD_LIMIT: usize = 256 * 1024;
/// Far above any request of a test; Codex takes at most about a million characters of input.
const BODY_LIMIT: usize = 256 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Reads one request; `None` when the connection ended before one began.
pub(super) async fn read_request(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        if reader.read_until(b'\n', &mut head).await? == 0 {
            return if head.is_empty() {
                Ok(None)
            } else {
                Err(invalid("the head of the request is cut off"))
            };
        }
        if head.len() > HEAD_LIMIT {
            return Err(invalid("the head of the request is too long"));
        }
        if matches!(&head[before..], b"\r\n" | b"\n") {
            break;
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(path)) = (first.next(), first.next()) else {
        return Err(invalid("the request line has no method and path"));
    };
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if header("transfer-encoding").is_some() {
        return Err(invalid("a chunked request body is not supported"));
    }
    let length = match header("content-length") {
        Some(text) => text.parse().map_err(|_| invalid("the content length is no number"))?,
        None => 0,
    };
    if length > BODY_LIMIT {
        return Err(invalid("the body of the request is too long"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    Ok(Some(Request { method: method.to_owned(), path: path.to_owned(), body, headers }))
}

/// Writes the head of an answer; `length` of `None` announces a chunked body.
pub(super) async fn write_head(
    writer: &mut (impl AsyncWrite + Unpin),
    status: u16,
    headers: &[(String, String)],
    length: Option<usize>,
) -> io::Result<()> {
    use std::fmt::Write as _;
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        // Writing to a string cannot fail.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    match length {
        Some(length) => head.push_str(&format!("content-length: {length}\r\n\r\n")),
        None => head.push_str("transfer-encoding: chunked\r\n\r\n"),
    }
    writer.write_all(head.as_bytes()).await
}

/// Writes one chunk. An empty one would end the body, so it is left out.
pub(super) async fn write_chunk(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    writer.write_all(&chunk).await
}

/// Ends a chunked body.
pub(super) async fn write_end(writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    writer.write_all(b"0\r\n\r\n").await
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Scripted",
    }
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(read_request(&mut bytes.as_slice()));
            if let Ok(Some(request)) = read {
                prop_assert!(request.body.len() <= bytes.len());
            }
        }

        #[test]
        fn a_request_is_what_was_written(path in "/[a-z/]{0,20}", body in "(?s).{0,200}") {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let text = format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}next", body.len());
            let read = runtime.block_on(read_request(&mut text.as_bytes())).unwrap().unwrap();
            prop_assert_eq!((read.path, read.body), (path, body.into_bytes()));
        }
    }

    async fn parse(input: &str) -> io::Result<Option<(String, String, Vec<u8>)>> {
        let request = read_request(&mut input.as_bytes()).await?;
        Ok(request.map(|request| (request.method, request.path, request.body)))
    }

    #[tokio::test]
    async fn requests_are_read() {
        let read =
            parse("POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}rest").await.unwrap();
        assert_eq!(read, Some(("POST".into(), "/v1/responses".into(), b"{}".to_vec())));
        assert_eq!(parse("GET / HTTP/1.1\r\n\r\n").await.unwrap(), Some(("GET".into(), "/".into(), vec![])));
        assert_eq!(parse("").await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_request_is_an_error() {
        for input in [
            "GET / HTTP/1.1\r\nHost",
            "nonsense\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n{}",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert!(parse(input).await.is_err(), "{input:?}");
        }
    }
}
