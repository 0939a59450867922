//! The network for C. `include/@net@.h` says what each function does, and what a caller may do.
//!
//! Nothing here panics on what a caller passes, and where Rust would panic the process aborts: no panic reaches C.

use std::alloc::{Layout, alloc};
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::fmt::{self, Display, Write};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::runtime::{Level, SessionError};
use crate::{INPUTS, Model, ModelError, OUTPUTS};

/// What a function answers; the header says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// All went well.
    Ok,
    /// A pointer is null or not aligned, or the input and the output overlap.
    Argument,
    /// The input, the output or the memory has the wrong length.
    Length,
    /// No model can have so many threads.
    Threads,
    /// There is not so much memory.
    Memory,
    /// No level that was compiled in runs on this CPU or is allowed.
    Level,
    /// The process was forked since the model started its threads.
    Forked,
    /// Another thread is running the model.
    Busy,
}

/// A model behind C's pointer.
#[derive(Debug)]
pub struct Instance {
    model: Model,
    /// Whether a thread is running it.
    busy: AtomicBool,
    /// Whether it has memory of its own, and not the caller's.
    is_boxed: bool,
}

/// An input or an output.
#[derive(Debug)]
#[repr(C)]
pub struct Tensor {
    name: *const c_char,
    shape: [usize; 4],
    length: usize,
}

/// The network.
#[derive(Debug)]
#[repr(C)]
pub struct Description {
    name: *const c_char,
    version: *const c_char,
    hash: *const c_char,
    input_count: usize,
    inputs: *const Tensor,
    output_count: usize,
    outputs: *const Tensor,
}

// SAFETY: it only holds addresses of immutable statics.
unsafe impl Sync for Tensor {}
// SAFETY: as above.
unsafe impl Sync for Description {}

impl Tensor {
    const fn new(name: &'static CStr, shape: [usize; 4]) -> Self {
        Self { name: name.as_ptr(), shape, length: shape[0] * shape[1] * shape[2] * shape[3] }
    }
}

/// Bytes of the caller's memory in front of the session's. The header counts on them.
const RESERVED: usize = @reserved@;
const _: () = assert!(size_of::<Instance>() <= RESERVED && RESERVED.is_multiple_of(BOUNDARY));

/// What the caller's memory must be aligned to, in bytes.
const BOUNDARY: usize = 64;

/// The last error of a thread, cut where it is longer.
struct LastError {
    text: [u8; 512],
    len: usize,
}

thread_local! {
    static LAST_ERROR: RefCell<LastError> = const { RefCell::new(LastError { text: [0; 512], len: 0 }) };
}

impl Write for LastError {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut len = text.len().min(self.text.len() - self.len);
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        self.text[self.len..][..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len += len;
        Ok(())
    }
}

/// Keeps what is wrong for the thread to ask for.
fn failed(status: Status, error: impl Display) -> Status {
    LAST_ERROR.with_borrow_mut(|last| {
        last.len = 0;
        // It takes any text.
        let _ = write!(last, "{error}");
    });
    status
}

fn refused(error: &ModelError) -> Status {
    let status = match error {
        ModelError::Session(SessionError::WrongThreads(_) | SessionError::NoThread { .. }) => Status::Threads,
        ModelError::Session(SessionError::OutOfMemory(_)) => Status::Memory,
        ModelError::Session(SessionError::WrongLength { .. } | SessionError::LittleMemory { .. }) => Status::Length,
        ModelError::Session(SessionError::Unaligned) => Status::Argument,
        ModelError::Session(SessionError::Forked) => Status::Forked,
        _ => Status::Level,
    };
    failed(status, error)
}

/// Does something with a model, unless another thread does.
///
/// # Safety
/// `model` is what a create function gave, and nobody destroys it meanwhile.
unsafe fn alone(model: *mut Instance, act: impl FnOnce(&mut Model) -> Result<(), ModelError>) -> Status {
    // SAFETY: the caller vouches for the model.
    let busy = unsafe { &(*model).busy };
    if busy.swap(true, Ordering::Acquire) {
        return failed(Status::Busy, "another thread is running this model: make a model for each thread");
    }
    // SAFETY: nobody else has passed `busy`, and the flag is another field.
    let result = act(unsafe { &mut (*model).model });
    busy.store(false, Ordering::Release);
    result.map_or_else(|error| refused(&error), |()| Status::Ok)
}

/// Describes the network.
#[unsafe(export_name = "@net@_describe")]
pub extern "C" fn describe() -> *const Description {
    &raw const DESCRIPTION
}

/// Makes a model of `threads` threads, with memory of its own.
///
/// # Safety
/// `model` is null or valid for a write.
#[unsafe(export_name = "@net@_create")]
pub unsafe extern "C" fn create(threads: usize, model: *mut *mut Instance) -> Status {
    if model.is_null() {
        return failed(Status::Argument, "the place for the model is null");
    }
    // SAFETY: the caller vouches for it.
    unsafe { model.write(ptr::null_mut()) };
    let made = match Model::new(threads) {
        Ok(made) => made,
        Err(error) => return refused(&error),
    };
    // SAFETY: an instance is not of size zero.
    let place = unsafe { alloc(Layout::new::<Instance>()) }.cast::<Instance>();
    if place.is_null() {
        return failed(Status::Memory, "there is no memory for the model");
    }
    // SAFETY: the place is new and has room for an instance, and the caller vouches for `model`.
    unsafe {
        place.write(Instance { model: made, busy: AtomicBool::new(false), is_boxed: true });
        model.write(place);
    }
    Status::Ok
}

/// Bytes that `create_in` needs.
#[unsafe(export_name = "@net@_memory_size")]
pub extern "C" fn memory_size() -> usize {
    RESERVED + Model::memory_len() * size_of::<f32>()
}

/// Makes a model of one thread in the caller's memory.
///
/// # Safety
/// `model` is null or valid for a write. `memory` is null or valid for reads and writes of `size` bytes, which nobody else uses until the
/// model is destroyed.
#[unsafe(export_name = "@net@_create_in")]
pub unsafe extern "C" fn create_in(memory: *mut c_void, size: usize, model: *mut *mut Instance) -> Status {
    if model.is_null() {
        return failed(Status::Argument, "the place for the model is null");
    }
    // SAFETY: the caller vouches for it.
    unsafe { model.write(ptr::null_mut()) };
    let needed = memory_size();
    if memory.is_null() || !memory.addr().is_multiple_of(BOUNDARY) {
        return failed(Status::Argument, format_args!("the memory is null or not on a boundary of {BOUNDARY} bytes"));
    }
    if size < needed {
        return failed(Status::Length, format_args!("the memory has {size} bytes, the model needs {needed}"));
    }
    let len = Model::memory_len();
    // SAFETY: the memory has room for so many f32 after what is reserved, and the caller leaves it to the model. Zeros are f32.
    let values = unsafe {
        let start = memory.byte_add(RESERVED).cast::<f32>();
        start.write_bytes(0, len);
        std::slice::from_raw_parts_mut(start, len)
    };
    let made = match Model::in_memory(values) {
        Ok(made) => made,
        Err(error) => return refused(&error),
    };
    let place = memory.cast::<Instance>();
    // SAFETY: the memory begins with room for an instance, and the caller vouches for `model`.
    unsafe {
        place.write(Instance { model: made, busy: AtomicBool::new(false), is_boxed: false });
        model.write(place);
    }
    Status::Ok
}

/// Computes the outputs of any number of images.
///
/// # Safety
/// `model` is null, or what a create function gave and nobody destroys meanwhile. `input` is null or valid for reads of `input_length`
/// f32 that nobody writes meanwhile, and `output` is null or valid for writes of `output_length` f32 that nobody else uses meanwhile.
#[unsafe(export_name = "@net@_run")]
pub unsafe extern "C" fn run(
    model: *mut Instance,
    input: *const f32,
    input_length: usize,
    output: *mut f32,
    output_length: usize,
) -> Status {
    const MOST: usize = isize::MAX as usize / size_of::<f32>();
    if model.is_null() || input.is_null() || output.is_null() {
        return failed(Status::Argument, "the model, the input or the output is null");
    }
    if !input.is_aligned() || !output.is_aligned() {
        return failed(Status::Argument, "the input or the output is not aligned as floats are");
    }
    if input_length > MOST || output_length > MOST {
        return failed(Status::Length, "the input or the output has more values than there can be");
    }
    let ends = [input.wrapping_add(input_length), output.cast_const().wrapping_add(output_length)];
    if input < ends[1] && output.cast_const() < ends[0] {
        return failed(Status::Argument, "the input and the output overlap");
    }
    // SAFETY: the caller vouches for the model, and for the arrays, which do not overlap. Whatever is in the output is an f32 to Rust: it is
    // only written.
    unsafe {
        let input = std::slice::from_raw_parts(input, input_length);
        let output = std::slice::from_raw_parts_mut(output, output_length);
        alone(model, |model| model.run(input, output))
    }
}

/// Copies the weights into memory of the model's own.
///
/// # Safety
/// `model` is null, or what a create function gave and nobody destroys meanwhile.
#[unsafe(export_name = "@net@_copy_weights")]
pub unsafe extern "C" fn copy_weights(model: *mut Instance) -> Status {
    if model.is_null() {
        return failed(Status::Argument, "the model is null");
    }
    // SAFETY: the caller vouches for the model.
    unsafe { alone(model, Model::copy_weights) }
}

/// The name of the level that a model runs at; null of null.
///
/// # Safety
/// `model` is null, or what a create function gave and nobody destroys meanwhile.
#[unsafe(export_name = "@net@_level")]
pub unsafe extern "C" fn level(model: *const Instance) -> *const c_char {
    if model.is_null() {
        return ptr::null();
    }
    // SAFETY: the caller vouches for the model, and its level never changes.
    let name = match unsafe { (*model).model.level() } {
        Level::Portable => c"portable",
        Level::Neon => c"neon",
        Level::Avx2 => c"avx2",
        Level::Avx512 => c"avx512",
    };
    name.as_ptr()
}

/// Copies the text of this thread's last error, cut to fit, and tells the length of the whole.
///
/// # Safety
/// `buffer` is null or valid for writes of `size` bytes.
#[unsafe(export_name = "@net@_last_error")]
pub unsafe extern "C" fn last_error(buffer: *mut c_char, size: usize) -> usize {
    LAST_ERROR.with_borrow(|last| {
        if let Some(room) = size.checked_sub(1)
            && !buffer.is_null()
        {
            let len = last.len.min(room);
            // SAFETY: the caller vouches for so many bytes and one more.
            unsafe {
                buffer.cast::<u8>().copy_from_nonoverlapping(last.text.as_ptr(), len);
                buffer.add(len).write(0);
            }
        }
        last.len
    })
}

/// Ends a model and its threads. Null is nothing to end.
///
/// # Safety
/// `model` is null, or what a create function gave and nobody uses any more.
#[unsafe(export_name = "@net@_destroy")]
pub unsafe extern "C" fn destroy(model: *mut Instance) {
    if model.is_null() {
        return;
    }
    // SAFETY: the caller vouches for the model. `create` allocated it as a box does.
    unsafe {
        if (*model).is_boxed {
            drop(Box::from_raw(model));
        } else {
            model.drop_in_place();
        }
    }
}

