//! HTTP/1.1, as far as a small service needs it. A request takes bounded memory and bounded time, whatever a client sends.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Bytes of a request's first line and headers.
const HEAD: usize = 8 << 10;

/// Time for a request to come, all of it, and for an answer to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that are taken from the system at a time.
const PIECE: usize = 16 << 10;

/// A request.
pub struct Request {
    pub method: String,
    pub target: String,
    pub body: Vec<u8>,
    /// Whether the client may send another one.
    pub keeps: bool,
}

/// Why there is no request.
pub enum Failure {
    /// The client has sent something else. It is told the status and the reason.
    Refused(u16, &'static str),
    /// The client has left, or said nothing for too long.
    Gone,
}

/// A client.
pub struct Connection<'a> {
    stream: &'a TcpStream,
    /// What has come and is not used.
    buffer: Vec<u8>,
}

impl<'a> Connection<'a> {
    pub fn new(stream: &'a TcpStream) -> Self {
        // Answers are written at once, whole. Where that cannot be set, they are slower.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(PATIENCE));
        Self { stream, buffer: Vec::new() }
    }

    /// The next request, of a body of so many bytes at most.
    pub fn request(&mut self, most: usize) -> Result<Request, Failure> {
        let until = Instant::now() + PATIENCE;
        let end = loop {
            match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) if end <= HEAD => break end,
                None if self.buffer.len() <= HEAD => self.more(until)?,
                _ => return Err(Failure::Refused(431, "the headers are too long")),
            }
        };
        let head = std::str::from_utf8(&self.buffer[..end]).map_err(|_| Failure::Refused(400, "the headers are no text"))?;
        let head = Head::parse(head)?;
        if head.length > most {
            return Err(Failure::Refused(413, "the body is too long"));
        }
        if head.waits && self.buffer.len() < end + 4 + head.length {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| Failure::Gone)?;
        }
        while self.buffer.len() < end + 4 + head.length {
            self.more(until)?;
        }
        let body = self.buffer.drain(..end + 4 + head.length).skip(end + 4).collect();
        Ok(Request { method: head.method, target: head.target, body, keeps: head.keeps })
    }

    /// Waits for more bytes until that time.
    fn more(&mut self, until: Instant) -> Result<(), Failure> {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left)).map_err(|_| Failure::Gone)?;
        let mut piece = [0; PIECE];
        let mut stream = self.stream;
        match stream.read(&mut piece) {
            Ok(0) => Err(Failure::Gone),
            Ok(_) if Instant::now() >= until => Err(Failure::Refused(408, "the request took too long")),
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(_) if self.buffer.is_empty() => Err(Failure::Gone),
            Err(_) => Err(Failure::Refused(408, "the request took too long")),
        }
    }

    /// Sends an answer.
    pub fn answer(&self, status: u16, body: &str, keeps: bool) -> io::Result<()> {
        let reason = match status {
            200 => "OK",
            400..500 => "Refused",
            _ => "Failed",
        };
        let connection = if keeps { "keep-alive" } else { "close" };
        let mut stream = self.stream;
        stream.write_all(
            format!(
                "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        )
    }

    /// Sends the last answer. What the client is still sending is read for a moment: if it were not, the system would tell the client of
    /// a broken connection in place of the answer.
    pub fn refuse(&self, status: u16, body: &str) {
        let until = Instant::now() + Duration::from_secs(1);
        let mut stream = self.stream;
        if self.answer(status, body, false).is_ok()
            && stream.shutdown(Shutdown::Write).is_ok()
            && stream.set_read_timeout(Some(Duration::from_millis(200))).is_ok()
        {
            let mut piece = [0; PIECE];
            while Instant::now() < until && matches!(stream.read(&mut piece), Ok(count) if count > 0) {}
        }
    }
}

/// What the first line and the headers say.
struct Head {
    method: String,
    target: String,
    length: usize,
    keeps: bool,
    /// Whether the client waits to be told to send the body.
    waits: bool,
}

impl Head {
    fn parse(text: &str) -> Result<Self, Failure> {
        let refused = |reason| Failure::Refused(400, reason);
        let mut lines = text.split("\r\n");
        let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, target, version @ ("HTTP/1.1" | "HTTP/1.0")] = first[..] else {
            return Err(refused("the first line is not METHOD TARGET HTTP/1.1"));
        };
        let (mut length, mut keeps, mut waits) = (None, version == "HTTP/1.1", false);
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(refused("a header has no colon"))?;
            let value = value.trim();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)) {
                return Err(refused("a header has no name"));
            }
            match &*name.to_ascii_lowercase() {
                "content-length" if length.is_some() => return Err(refused("there are two lengths")),
                "content-length" => length = Some(digits(value).ok_or(refused("the length is no number"))?),
                "transfer-encoding" => return Err(Failure::Refused(501, "send the body in one piece, with its length")),
                "connection" if value.eq_ignore_ascii_case("close") => keeps = false,
                "expect" if value.eq_ignore_ascii_case("100-continue") => waits = true,
                "expect" => return Err(Failure::Refused(417, "nothing but 100-continue can be expected")),
                _ => {}
            }
        }
        if method == "POST" && length.is_none() {
            return Err(Failure::Refused(411, "send the length of the body"));
        }
        Ok(Self { method: method.into(), target: target.into(), length: length.unwrap_or(0), keeps, waits })
    }
}

/// A number; the largest where it is larger.
fn digits(text: &str) -> Option<usize> {
    let are_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| text.parse().unwrap_or(usize::MAX))
}
