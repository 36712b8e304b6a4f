//! The interfaces that this actor uses, as the Canonical ABI passes them: a handle, a length and a pointer are each 32 bits;
//! strings and lists are a pointer and a length; what does not fit one number is written to where the last parameter points.
//! The host knows these interfaces, so the module needs no description of its types.

use std::alloc::{alloc, realloc, Layout};
use std::mem::MaybeUninit;

type Handle = u32;

/// A string or list<u8> that the host reads.
#[repr(C)]
struct Text {
    at: *const u8,
    len: usize,
}

impl From<&str> for Text {
    fn from(s: &str) -> Text {
        Text {
            at: s.as_ptr(),
            len: s.len(),
        }
    }
}

#[link(wasm_import_module = "wasi:http/types@0.2.0")]
extern "C" {
    #[link_name = "[method]incoming-request.method"]
    fn request_method(request: Handle, result: *mut [u32; 3]);
    #[link_name = "[method]incoming-request.path-with-query"]
    fn request_path(request: Handle, result: *mut [u32; 3]);
    #[link_name = "[resource-drop]incoming-request"]
    fn request_drop(request: Handle);
    #[link_name = "[static]fields.from-list"]
    fn fields_from_list(fields: *const [Text; 2], len: usize, result: *mut [u32; 2]);
    #[link_name = "[constructor]outgoing-response"]
    fn response_new(fields: Handle) -> Handle;
    #[link_name = "[method]outgoing-response.set-status-code"]
    fn response_set_status(response: Handle, status: u32) -> u32;
    #[link_name = "[method]outgoing-response.body"]
    fn response_body(response: Handle, result: *mut [u32; 2]);
    /// The response is result<outgoing-response, error-code>; this actor gives only the first, which is kind 0.
    #[link_name = "[static]response-outparam.set"]
    fn outparam_set(
        out: Handle,
        kind: u32,
        response: Handle,
        e1: u32,
        e2: u64,
        e3: u32,
        e4: u32,
        e5: u32,
        e6: u32,
    );
    #[link_name = "[method]outgoing-body.write"]
    fn body_write(body: Handle, result: *mut [u32; 2]);
    #[link_name = "[static]outgoing-body.finish"]
    fn body_finish(body: Handle, some: u32, trailers: Handle, result: *mut [u64; 5]);
}

#[link(wasm_import_module = "wasi:io/streams@0.2.0")]
extern "C" {
    #[link_name = "[method]output-stream.blocking-write-and-flush"]
    fn stream_write(stream: Handle, bytes: *const u8, len: usize, result: *mut [u32; 3]);
    #[link_name = "[resource-drop]output-stream"]
    fn stream_drop(stream: Handle);
}

#[link(wasm_import_module = "wasi:io/error@0.2.0")]
extern "C" {
    #[link_name = "[resource-drop]error"]
    fn error_drop(error: Handle);
}

#[link(wasm_import_module = "wasi:keyvalue/store@0.2.0-draft2")]
extern "C" {
    fn open(name: *const u8, len: usize, result: *mut [u32; 4]);
    #[link_name = "[resource-drop]bucket"]
    fn bucket_drop(bucket: Handle);
}

#[link(wasm_import_module = "wasi:keyvalue/atomics@0.2.0-draft2")]
extern "C" {
    fn increment(bucket: Handle, key: *const u8, len: usize, delta: i64, result: *mut [u32; 6]);
}

/// Gives the host memory for what it passes. Whoever gets it owns it: see `text`.
#[export_name = "cabi_realloc"]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    old_size: usize,
    align: usize,
    size: usize,
) -> *mut u8 {
    let new = match (old_size, size) {
        (0, 0) => return align as *mut u8,
        (0, _) => alloc(Layout::from_size_align_unchecked(size, align)),
        _ => realloc(
            old,
            Layout::from_size_align_unchecked(old_size, align),
            size,
        ),
    };
    if new.is_null() {
        std::process::abort()
    }
    new
}

/// Calls an import that writes its result to memory. Of an enum or a flag it writes one byte: the rest stays 0.
unsafe fn result<T>(call: impl FnOnce(*mut T)) -> T {
    let mut out = MaybeUninit::zeroed();
    call(out.as_mut_ptr());
    out.assume_init()
}

/// Takes over a string that the host allocated.
unsafe fn text(at: u32, len: u32) -> String {
    String::from_raw_parts(at as *mut u8, len as usize, len as usize)
}

/// The variant error of wasi:keyvalue, in words.
unsafe fn store_error(kind: u32, at: u32, len: u32) -> String {
    match kind {
        0 => "no such store".into(),
        1 => "access denied".into(),
        _ => text(at, len),
    }
}

/// A bucket of wasi:keyvalue.
pub struct Bucket(Handle);

impl Bucket {
    pub fn open(name: &str) -> Result<Bucket, String> {
        unsafe {
            match result(|out| open(name.as_ptr(), name.len(), out)) {
                [0, bucket, ..] => Ok(Bucket(bucket)),
                [_, kind, at, len] => Err(store_error(kind, at, len)),
            }
        }
    }

    /// Adds delta to the number at a key and gives the new one.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, String> {
        unsafe {
            match result(|out: *mut Aligned<6>| {
                increment(self.0, key.as_ptr(), key.len(), delta, &mut (*out).0)
            })
            .0
            {
                [0, _, low, high, ..] => Ok((low as u64 | (high as u64) << 32) as i64),
                [_, _, kind, at, len, _] => Err(store_error(kind, at, len)),
            }
        }
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        unsafe { bucket_drop(self.0) }
    }
}

/// Results with a 64-bit number in them are aligned to 8 bytes.
#[repr(align(8))]
struct Aligned<const N: usize>([u32; N]);

/// An HTTP request, and where its answer goes.
pub struct Exchange {
    request: Handle,
    out: Handle,
}

impl Exchange {
    /// # Safety
    /// The handles are the two parameters of wasi:http/incoming-handler#handle.
    pub unsafe fn new(request: Handle, out: Handle) -> Exchange {
        Exchange { request, out }
    }

    /// Whether the method is GET, the first case of the variant method.
    pub fn is_get(&self) -> bool {
        unsafe {
            let [kind, at, len] = result(|out| request_method(self.request, out));
            if kind == 9 {
                drop(text(at, len)) // other(string)
            }
            kind == 0
        }
    }

    /// Path and query, as they were sent.
    pub fn path(&self) -> String {
        unsafe {
            match result(|out| request_path(self.request, out)) {
                [0, ..] => String::new(),
                [_, at, len] => text(at, len),
            }
        }
    }

    pub fn respond(self, status: u32, header: [&str; 2], content: &str) {
        unsafe {
            let [_, fields] = result(|out| fields_from_list(&header.map(Text::from), 1, out));
            let response = response_new(fields);
            response_set_status(response, status);
            let [_, body] = result(|out| response_body(response, out));
            outparam_set(self.out, 0, response, 0, 0, 0, 0, 0, 0);
            send(body, content.as_bytes());
            result(|out| body_finish(body, 0, 0, out));
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        unsafe { request_drop(self.request) }
    }
}

/// Writes a body in pieces that the stream takes.
unsafe fn send(body: Handle, content: &[u8]) {
    let [_, stream] = result(|out| body_write(body, out));
    for piece in content.chunks(4096) {
        let [failed, kind, error] =
            result(|out| stream_write(stream, piece.as_ptr(), piece.len(), out));
        if failed != 0 {
            if kind == 0 {
                error_drop(error)
            }
            break;
        }
    }
    stream_drop(stream)
}
