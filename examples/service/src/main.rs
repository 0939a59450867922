//! A service that says which digit is on a picture of 32x32 pixels.
//!
//!     service [ADDRESS [MODELS]]
//!
//! `POST /classify` takes the values of one image, little-endian f32 in the order of `digits::INPUT`. `GET /` says what that is.

mod answer;
mod http;

use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use digits::Pool;
use http::{Connection, Failure};

sartor_build::include_network!("digits");

/// Connections that are served at once. They share the models; others wait in the system's queue.
const CONNECTIONS: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let cores = || thread::available_parallelism().map_or(1, |cores| cores.get());
    let models = arguments.next().map_or_else(|| Ok(cores()), |models| models.parse())?;
    let pool = Pool::new(models, 1)?;
    let listener = TcpListener::bind(address)?;
    println!("http://{}", listener.local_addr()?);
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                loop {
                    // A client that has gone before it is accepted is no reason to stop.
                    let Ok((stream, _)) = listener.accept() else { continue };
                    // Nor is a fault of ours: the pool has its model back.
                    let _ = catch_unwind(AssertUnwindSafe(|| serve(&stream, &pool)));
                }
            });
        }
    });
    Ok(())
}

/// Answers requests until the client is done or at fault.
fn serve(stream: &TcpStream, pool: &Pool) {
    let mut connection = Connection::new(stream);
    loop {
        match connection.request(answer::BODY) {
            Ok(request) => {
                let (status, body) = answer::answer(&request, pool);
                if connection.answer(status, &body, request.keeps).is_err() || !request.keeps {
                    return;
                }
            }
            Err(Failure::Refused(status, reason)) => return connection.refuse(status, &answer::error(reason)),
            Err(Failure::Gone) => return,
        }
    }
}
