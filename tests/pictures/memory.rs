//! The limit on memory for pictures. It is checked before the memory is allocated.

use std::path::Path;
use std::process::Command;

use sartor::data::image::{Fault, MAX_MEMORY, Preprocess};
use sartor_kernels::report::skipped;

use crate::{FILES, pixels_of};

/// The file that a process started by a test reads.
const FILE: &str = "SARTOR_TEST_PICTURE";
const MIB: u64 = 1 << 20;

/// A flat grey photograph of 4:2:0 as phones write it: every MCU has the same 32 bits.
fn photograph(height: u16, width: u16) -> Vec<u8> {
    let mut bytes = std::fs::read(Path::new(FILES).join("jpeg/ycc420.jpg")).unwrap();
    let marker = |wanted: [u8; 2]| bytes.windows(2).position(|marker| marker == wanted).unwrap();
    let (frame, scan) = (marker([0xff, 0xc0]), marker([0xff, 0xda]));
    bytes[frame + 5..frame + 9].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat());
    bytes.truncate(scan + 14);
    let mcus = usize::from(height).div_ceil(16) * usize::from(width).div_ceil(16);
    // Four times 00 1010, twice 00 00: no difference to the block before, no other coefficient.
    bytes.extend([0x28, 0xa2, 0x8a, 0x00].repeat(mcus));
    bytes.extend(b"\xff\xd9");
    bytes
}

/// A PNG of zeros.
fn blank(height: u32, width: u32, colour: png::ColorType, depth: png::BitDepth) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let row = vec![0; (width as usize * colour.samples() * depth as usize).div_ceil(8)];
    for _ in 0..height {
        std::io::Write::write_all(&mut rows, &row).unwrap();
    }
    rows.finish().unwrap();
    writer.finish().unwrap();
    out
}

/// The peak of this process's memory, in bytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
}

/// The work of a separate process: it reads the file and prints how much memory that took.
fn child(path: &Path) {
    let before = peak().unwrap();
    let values = Preprocess::imagenet(224, 224).load(path).unwrap();
    assert_eq!(values.len(), 3 * 224 * 224);
    println!("\ntook {}", peak().unwrap() - before);
}

#[test]
fn counts_are_what_is_taken() {
    if let Some(path) = std::env::var_os(FILE) {
        return child(path.as_ref());
    }
    if peak().is_none() {
        skipped("the peak of memory", "this system does not tell it");
        return;
    }
    let cases = [
        ("a photograph of 108 megapixels", photograph(9000, 12000), 330),
        ("grey of one bit, 16000x16000", blank(16000, 16000, png::ColorType::Grayscale, png::BitDepth::One), 260),
        ("colours of 16 bits", blank(4000, 5000, png::ColorType::Rgba, png::BitDepth::Sixteen), 70),
    ];
    for (what, bytes, most) in cases {
        let small = Preprocess { max_memory: 32 * MIB, ..Preprocess::imagenet(224, 224) };
        let counted = match pixels_of(&small, &bytes).unwrap_err().fault() {
            Some(Fault::Memory { bytes, limit: Some(limit), .. }) if *limit == 32 * MIB => *bytes,
            other => panic!("{what}: {other:?}"),
        };
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output =
            child.args(["--exact", "memory::counts_are_what_is_taken", "--nocapture"]).env(FILE, file.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let took = text.lines().find_map(|line| line.strip_prefix("took ")).unwrap_or_else(|| panic!("{what}: {text}"));
        let took = took.parse::<u64>().unwrap();
        println!("{what}: took {} MiB, {} were counted", took / MIB, counted / MIB);
        assert!(took <= counted + 8 * MIB, "{what} took {took} bytes, {counted} were counted");
        assert!(counted <= most * MIB && counted < MAX_MEMORY, "{what}: {counted} bytes");
    }
}

/// Small files of huge pictures, and small pictures that resizing would make huge.
#[test]
fn what_is_too_large_is_refused() {
    let corpus = Path::new("fuzz/corpus/image");
    let error = Preprocess::symmetric(1024, 1024).load(&corpus.join("bomb.png")).unwrap_err().to_string();
    assert!(["to decode", "the limit is 1024 MiB"].iter().all(|part| error.contains(part)), "{error}");
    let limited = Preprocess { max_memory: 4 * MIB, ..Preprocess::symmetric(1024, 1024) };
    let error = limited.load(&corpus.join("strip.png")).unwrap_err().to_string();
    assert!(["to resize", "the limit is 4 MiB"].iter().all(|part| error.contains(part)), "{error}");
    let scans = std::fs::read(Path::new(FILES).join("jpeg/ycc444_progressive.jpg")).unwrap();
    let frame = scans.windows(2).position(|marker| marker == [0xff, 0xc2]).unwrap();
    let huge = [&scans[..frame + 5], &[0xff; 4], &scans[frame + 9..]].concat();
    let error = pixels_of(&Preprocess::symmetric(8, 8), &huge).unwrap_err().to_string();
    assert!(error.contains("a picture of 65535x65535 needs"), "{error}");
    let large = |side: usize, crop: usize| {
        Preprocess { cover: (side, side), ..Preprocess::symmetric(crop, crop) }.load(&Path::new(FILES).join("jpeg/grey.jpg"))
    };
    for (side, crop) in [(1 << 20, 1 << 20), (usize::MAX, 8), (usize::MAX, usize::MAX)] {
        let error = large(side, crop).unwrap_err();
        assert!(matches!(error.fault(), Some(Fault::Memory { .. } | Fault::Size(_))), "{error}");
    }
    assert_eq!(large(1 << 20, 8).unwrap().len(), 3 * 8 * 8, "only what is cropped is computed");
}

/// If the system refuses the memory, there is an error, not a panic or abort.
#[test]
#[cfg(target_os = "linux")]
fn memory_that_cannot_be_had() {
    use assert_cmd::cargo::cargo_bin;

    let mut file = tempfile::NamedTempFile::with_suffix(".png").unwrap();
    let bytes = blank(16000, 16000, png::ColorType::Grayscale, png::BitDepth::One);
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let run = |kib: u32| {
        let line = format!("ulimit -v {kib}; exec \"$0\" run rexnet_digits --engine generic --image \"$1\"");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).arg(cargo_bin("sartor")).arg(file.path());
        command.env("SARTOR_CACHE", tempfile::tempdir().unwrap().path());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(run(600_000).0, Some(0));
    let (code, error) = run(200_000);
    assert!(code == Some(1) && error.contains("MiB to decode, but the system does not have it"), "{code:?}: {error}");
}
