//! Finds out, from its first bytes, what a file is that is not a safetensors file.

use std::path::Path;

/// How many bytes are looked at.
pub(super) const HEAD: usize = 512;

/// Kinds of files that users give instead of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// No bytes.
    Empty,
    /// A folder.
    Folder,
    /// A pointer that Git checks out instead of a large file.
    LfsPointer,
    /// An HTML page, often of a login or an error.
    Html,
    /// PyTorch's own format: a pickle, or in newer versions a zip archive with a pickle.
    Torch,
    /// A network compiled by `torch.jit`.
    TorchScript,
    /// Another pickle.
    Pickle,
    /// NumPy's archive of arrays.
    Npz,
    /// NumPy's array.
    Npy,
    /// HDF5, as Keras writes it.
    Hdf5,
    /// A network with weights.
    Onnx,
    /// A network with weights.
    TfLite,
    /// A zip archive.
    Zip,
    /// gzip, bzip2, xz, zstd or tar.
    Archive,
    /// JSON, such as the index of a checkpoint in several files.
    Json,
    /// Other text, such as an error of a download.
    Text,
}

impl FileKind {
    /// The kind of a file that begins with `head`; `None` if it begins like a safetensors file, or is not known.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let head = &head[..head.len().min(HEAD)];
        let has = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let says = |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        Some(match head {
            [] => Self::Empty,
            _ if head.len() < 8 || begins_safetensors(head) => return None,
            [b'P', b'K', 3, 4, ..] if has(b"/data.pkl") => Self::Torch,
            [b'P', b'K', 3, 4, ..] if has(b"/data/") || has(b"/code/") => Self::TorchScript,
            [b'P', b'K', 3, 4, ..] if has(b".npy") => Self::Npz,
            [b'P', b'K', 3..=6, 4..=7, ..] => Self::Zip,
            // PyTorch's older files begin with this long integer.
            [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, ..] => Self::Torch,
            [0x80, 2..=5, ..] => Self::Pickle,
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Self::Npy,
            [0x89, b'H', b'D', b'F', ..] => Self::Hdf5,
            [_, _, _, _, b'T', b'F', b'L', b'3', ..] => Self::TfLite,
            [0x1f, 0x8b, ..] | [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', b'X', b'Z', ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                Self::Archive
            }
            _ if head.get(257..262) == Some(b"ustar") => Self::Archive,
            // Protobuf fields: the version of the format, then the producer, its version, a domain, the graph, or the versions of operators.
            [0x08, 1..=32, 0x12 | 0x1a | 0x22 | 0x3a | 0x42, ..] => Self::Onnx,
            _ if says(b"version https://git-lfs") => Self::LfsPointer,
            _ if says(b"<") => Self::Html,
            _ if !is_text(head) => return None,
            _ if says(b"{") || says(b"[") => Self::Json,
            _ => Self::Text,
        })
    }

    /// What the file is, with an article.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::Folder => "a folder",
            Self::LfsPointer => "a Git LFS pointer instead of the file itself",
            Self::Html => "an HTML page",
            Self::Torch => "a PyTorch file (a pickle)",
            Self::TorchScript => "a TorchScript file",
            Self::Pickle => "a Python pickle",
            Self::Npz => "a NumPy archive (.npz)",
            Self::Npy => "a NumPy array (.npy)",
            Self::Hdf5 => "an HDF5 file, as Keras writes it",
            Self::Onnx => "an ONNX file",
            Self::TfLite => "a TensorFlow Lite file",
            Self::Zip => "a zip archive",
            Self::Archive => "a compressed file or archive",
            Self::Json => "a JSON file",
            Self::Text => "a text file",
        }
    }

    /// What the user can do with the file at `path`.
    pub fn help(self, path: &Path) -> String {
        match self {
            Self::Empty => "fetch or save it again".into(),
            Self::Folder => "give the .safetensors file in it".into(),
            Self::LfsPointer => "fetch the file itself with `git lfs pull`".into(),
            Self::Html => "fetch the file itself instead of the page about it; perhaps you must log in".into(),
            Self::Torch => convert(path),
            Self::TorchScript => "load it with torch.jit.load, and save its state_dict() with safetensors.torch.save_file".into(),
            Self::Pickle => "load it with the program that wrote it, and save its tensors with safetensors".into(),
            Self::Npz | Self::Npy => "save the arrays with safetensors.numpy.save_file, under the names of the state dict".into(),
            Self::Hdf5 | Self::Onnx | Self::TfLite => {
                "networks come from the zoo, and weights from a PyTorch state dict: save it with safetensors.torch.save_file"
                    .into()
            }
            Self::Zip | Self::Archive => "unpack it, and give the .safetensors file in it".into(),
            Self::Json => "give the .safetensors file itself; join the parts first if there are several".into(),
            Self::Text => "read it: it may say why the file could not be fetched".into(),
        }
    }
}

/// Whether a file that begins with `head` may be a safetensors file: it has a length that the safetensors crate accepts, and then
/// a JSON object.
pub(super) fn begins_safetensors(head: &[u8]) -> bool {
    const MOST: u64 = 100_000_000;
    head.split_first_chunk()
        .is_some_and(|(len, rest)| u64::from_le_bytes(*len) <= MOST && rest.first().is_none_or(|first| *first == b'{'))
}

/// Two lines of Python that save the tensors of a state dict. They also work for checkpoints and for tensors that share memory.
fn convert(path: &Path) -> String {
    let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let name = path.file_name().and_then(|name| name.to_str()).filter(plain).unwrap_or("weights.pth");
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    format!(
        "convert it with these two lines of Python:
  import torch, safetensors.torch as st; x = torch.load(\"{name}\", map_location=\"cpu\", weights_only=True)
  st.save_file({{k: v.clone().contiguous() for k, v in x.get(\"state_dict\", x.get(\"model\", x)).items() if torch.is_tensor(v)}}, \"{stem}.safetensors\")"
    )
}

/// Whether bytes are printable ASCII or UTF-8. The last character may be cut off.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => return false,
    };
    valid.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
}
