//! The example of a service, built as a user builds it, asked as its clients ask it and as nobody should.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sartor::data::image::Preprocess;
use sartor::models::weights::LoadOptions;
use sartor::models::zoo::Spec;
use sartor::{Level, Model, Weights};

mod common;
use common::own_cache;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Bytes of an image.
const BODY: usize = 4 * 3 * 32 * 32;

/// The folder with the programs.
fn built() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--locked"]).current_dir(Path::new(ROOT).join("examples/service"));
    let output = cargo.env("CARGO_TARGET_DIR", &target).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("warning"), "{said}");
    target.join("debug")
}

/// A service on a port of the system's choice, with two models.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(programs: &Path) -> Self {
        let mut command = Command::new(programs.join("service"));
        command.args(["127.0.0.1:0", "2"]).env_remove("SARTOR_MAX_LEVEL");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("{line}")).to_string();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes on a new connection, and nothing after them. All that comes back.
    fn sent(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // It may have been refused before it was all sent.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// That bytes are answered with this status, and a reason that holds the words.
    fn refuses(&self, bytes: &[u8], status: u16, words: &str) {
        let answer = self.sent(bytes);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{words}: {answer:?}"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")) && body.contains(words), "not {status}, {words}: {answer}");
        let reason: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(reason["error"].is_string(), "{body}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("POST /classify HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes(), body].concat()
}

fn image(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    let body: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    post(&format!("Content-Length: {}\r\n", body.len()), &body)
}

/// The scores of an answer, and its class.
fn scores(answer: &str) -> (Vec<f32>, u64) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let scores = body["scores"].as_array().unwrap().iter().map(|score| score.as_f64().unwrap() as f32).collect();
    (scores, body["class"].as_u64().unwrap())
}

#[test]
fn the_service_answers_and_stands_what_it_is_sent() {
    let programs = built();
    let service = Service::start(&programs);
    own_cache();
    let network = "rexnet_digits".parse::<Spec>().unwrap().build().unwrap();
    let weights = Path::new(ROOT).join("examples/digits/rexnet_digits.safetensors");
    let weights = Weights::load(&weights, &network, LoadOptions::default()).unwrap();
    let model = Model::open(&network, &weights, Level::best().unwrap()).unwrap();
    for digit in [0, 3, 4, 7, 9] {
        let picture = Path::new(ROOT).join(format!("examples/digit-{digit}.png"));
        let values = Preprocess::symmetric(32, 32).load(&picture).unwrap();
        let mut expected = vec![0.0; 10];
        model.session(1).unwrap().run(&values, &mut expected).unwrap();
        assert_eq!(scores(&service.sent(&image(values))), (expected, digit));
    }
    hostile(&service);
    slow(&service);
    connection_is_kept(&service);
    many_at_once(&service);

    let load = Command::new(programs.join("load")).args([&service.address, "0.2"]).output().unwrap();
    let table = String::from_utf8_lossy(&load.stdout);
    assert!(load.status.success(), "{table}{}", String::from_utf8_lossy(&load.stderr));
    let clients = table.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok());
    assert_eq!(clients.collect::<Vec<u32>>(), [1, 2, 4], "{table}");
}

/// What nobody should send is refused, with a reason, and the next is answered.
fn hostile(service: &Service) {
    let good = vec![0; BODY];
    let length = |length: &str| post(&format!("Content-Length: {length}\r\n"), &good);
    service.refuses(b"GET /nothing HTTP/1.1\r\n\r\n", 404, "/classify");
    service.refuses(b"GET /classify HTTP/1.1\r\n\r\n", 405, "POST");
    service.refuses(b"DELETE / HTTP/1.1\r\n\r\n", 405, "GET");
    service.refuses(b"hello\r\n\r\n", 400, "first line");
    service.refuses(b"GET / HTTP/9.9\r\n\r\n", 400, "first line");
    service.refuses(b"\r\n\r\n", 400, "first line");
    service.refuses(b"\xff\xfe /\r\n\r\n", 400, "text");
    service.refuses(&post("no colon\r\n", &[]), 400, "colon");
    service.refuses(&post("two words: 1\r\n", &[]), 400, "name");
    service.refuses(&post("", &good), 411, "length");
    service.refuses(&post("Transfer-Encoding: chunked\r\n", &good), 501, "one piece");
    service.refuses(&post("Content-Length: 12288\r\nContent-Length: 1\r\n", &good), 400, "two lengths");
    for number in ["-1", "+1", "", "0x10", "1 2", "12288, 12288"] {
        service.refuses(&length(number), 400, "number");
    }
    for large in ["12289", "99999999999", "99999999999999999999999999"] {
        service.refuses(&length(large), 413, "too long");
    }
    service.refuses(&post("Content-Length: 4\r\n", &[0; 4]), 400, "has 4 bytes, an image has 12288");
    service.refuses(&post(&format!("X: {}\r\n", "x".repeat(9 << 10)), &[]), 431, "headers");
    service.refuses(&vec![b'x'; 1 << 20], 431, "headers");
    service.refuses(&post("Content-Length: 1000000\r\n", &vec![0; 1_000_000]), 413, "too long");
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        service.refuses(&image((0..BODY / 4).map(|i| if i == 70 { value } else { 0.0 })), 400, "value 70 is not a finite number");
    }
    // Cut short, and no answer is due.
    assert_eq!(service.sent(&post("Content-Length: 12288\r\n", &[0; 100])), "");
    assert_eq!(service.sent(b""), "");
    scores(&service.sent(&length("12288")));
}

/// A client that sends byte for byte is not waited for, however it goes on.
fn slow(service: &Service) {
    let mut stream = service.connect();
    let (start, request) = (Instant::now(), image([0.0; BODY / 4]));
    for byte in request.chunks(1) {
        if stream.write_all(byte).is_err() || start.elapsed() > Duration::from_secs(30) {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        stream.set_nonblocking(true).unwrap();
        let mut answer = [0; 512];
        let read = stream.read(&mut answer);
        stream.set_nonblocking(false).unwrap();
        if let Ok(count) = read {
            assert!(count == 0 || answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer[..count]));
            return;
        }
    }
    panic!("the service has waited for {:?}", start.elapsed());
}

/// Several requests in one go, and one that waits to be told to send its body.
fn connection_is_kept(service: &Service) {
    let request = image([0.5; BODY / 4]);
    let answers = service.sent(&request.repeat(3));
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{answers}");

    let mut stream = service.connect();
    stream.write_all(&post("Content-Length: 12288\r\nExpect: 100-continue\r\nConnection: close\r\n", &[])).unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&[0; BODY]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    scores(&answer);
}

/// More clients than models, each with an image of its own, have the answers that each has alone.
fn many_at_once(service: &Service) {
    let request = |client: usize| image((0..BODY / 4).map(|i| ((i * 7 + client) % 13) as f32 / 6.0 - 1.0));
    let alone: Vec<_> = (0..16).map(|client| scores(&service.sent(&request(client)))).collect();
    assert!(alone.windows(2).all(|pair| pair[0] != pair[1]), "other images, other scores");
    std::thread::scope(|scope| {
        for (client, alone) in alone.iter().enumerate() {
            scope.spawn(move || (0..20).for_each(|_| assert_eq!(scores(&service.sent(&request(client))), *alone)));
        }
    });
}
