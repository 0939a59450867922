//! Loads the service and prints how many requests a second it answers, and how long they take.
//!
//!     load [ADDRESS [SECONDS]]
//!
//! Without an address it starts the program `service` that lies beside it. Each client has one connection, and sends a request when it has
//! the answer to the one before.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of an image of 3x32x32 f32.
const BODY: usize = 4 * 3 * 32 * 32;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (_service, address) = match arguments.next() {
        Some(address) => (None, address),
        None => Service::start().map(|(service, address)| (Some(service), address))?,
    };
    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok()).unwrap_or(5.0);
    let cores = std::thread::available_parallelism()?;
    println!("service and clients on the same {cores} cores\n");
    println!(" clients  requests/s  p50 ms  p99 ms");
    for clients in [1, 2, 4] {
        // What the system and the service do once is not measured.
        measure(&address, clients, Duration::from_secs_f64(seconds / 10.0))?;
        let (mut took, elapsed) = measure(&address, clients, Duration::from_secs_f64(seconds))?;
        took.sort_unstable();
        let rank = |percent: usize| took[(took.len() * percent).div_ceil(100) - 1].as_secs_f64() * 1e3;
        let rate = took.len() as f64 / elapsed.as_secs_f64();
        println!("{clients:>8}  {rate:>10.0}  {:>6.3}  {:>6.3}", rank(50), rank(99));
    }
    Ok(())
}

/// The service, started for this run.
struct Service(Child);

impl Service {
    fn start() -> Result<(Self, String)> {
        let program = std::env::current_exe()?.with_file_name("service");
        let mut child = Command::new(program).arg("127.0.0.1:0").stdout(Stdio::piped()).spawn()?;
        let said = child.stdout.take();
        let service = Self(child);
        let mut line = String::new();
        BufReader::new(said.ok_or_else(|| Error::other("the service says nothing"))?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("http://").ok_or_else(|| Error::other("the service has not started"))?;
        Ok((service, address.into()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long each request took, of so many clients together, and all of them.
fn measure(address: &str, clients: usize, time: Duration) -> Result<(Vec<Duration>, Duration)> {
    let start = Instant::now();
    let took = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|client| scope.spawn(move || ask(address, client, start + time))).collect();
        let took = clients.into_iter().map(|client| client.join().expect("a client does not panic"));
        took.collect::<Result<Vec<_>>>()
    })?;
    Ok((took.concat(), start.elapsed()))
}

/// Asks for the same image until that time, and once at least. Every answer must be the first one's.
fn ask(address: &str, client: usize, until: Instant) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut request = format!("POST /classify HTTP/1.1\r\nHost: {address}\r\nContent-Length: {BODY}\r\n\r\n").into_bytes();
    request.extend((0..BODY / 4).flat_map(|i| ((i * 37 + client) as f32 % 101.0 / 50.0 - 1.0).to_le_bytes()));
    let (mut took, mut first) = (Vec::new(), None);
    while took.is_empty() || Instant::now() < until {
        let start = Instant::now();
        stream.write_all(&request)?;
        let answer = answer(&mut stream)?;
        took.push(start.elapsed());
        if *first.get_or_insert_with(|| answer.clone()) != answer || !answer.starts_with("HTTP/1.1 200 ") {
            return Err(Error::other(format!("a wrong answer: {answer}")));
        }
    }
    Ok(took)
}

/// An answer, which has a length.
fn answer(stream: &mut TcpStream) -> Result<String> {
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
            if body.len() >= length.ok_or_else(|| Error::other("an answer without a length"))? {
                return Ok(text);
            }
        }
        match stream.read(&mut piece)? {
            0 => return Err(Error::other("the service has closed the connection")),
            count => text += std::str::from_utf8(&piece[..count]).map_err(Error::other)?,
        }
    }
}
