//! What the service answers.

use crate::digits::{INPUT, INPUT_LEN, OUTPUT_LEN, Pool};
use crate::http::Request;

/// Bytes of an image.
pub const BODY: usize = 4 * INPUT_LEN;

/// The status and the JSON for a request.
pub fn answer(request: &Request, pool: &Pool) -> (u16, String) {
    match (&*request.method, &*request.target) {
        ("POST", "/classify") => classify(&request.body, pool),
        ("GET", "/") => (200, format!("{{\"network\": \"rexnet_digits\", \"input\": {INPUT:?}, \"models\": {}}}", pool.models())),
        (_, "/classify") => (405, error("use POST")),
        (_, "/") => (405, error("use GET")),
        _ => (404, error("there are / and /classify")),
    }
}

/// The JSON for what cannot be answered. The reason has nothing of the client's in it.
pub fn error(reason: &str) -> String {
    format!("{{\"error\": \"{reason}\"}}")
}

fn classify(body: &[u8], pool: &Pool) -> (u16, String) {
    if body.len() != BODY {
        return (400, error(&format!("the body has {} bytes, an image has {BODY}", body.len())));
    }
    let mut input = [0.0; INPUT_LEN];
    for (value, bytes) in input.iter_mut().zip(body.as_chunks().0) {
        *value = f32::from_le_bytes(*bytes);
    }
    if let Some(at) = input.iter().position(|value| !value.is_finite()) {
        return (400, error(&format!("value {at} is not a finite number")));
    }
    let mut scores = [0.0; OUTPUT_LEN];
    if let Err(refused) = pool.run(&input, &mut scores) {
        return (500, error(&refused.to_string()));
    }
    // Values may be so large that sums of them are not finite, and numbers of JSON are.
    if !scores.iter().all(|score| score.is_finite()) {
        return (422, error("the values are too large"));
    }
    let class = (0..OUTPUT_LEN).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
    (200, format!("{{\"class\": {class}, \"scores\": {scores:?}}}"))
}
