// The interfaces that this actor uses, as the Canonical ABI passes them: a handle, a length and a pointer are each 32 bits;
// strings and lists are a pointer and a length; what does not fit one number is written to where the last parameter points.
// The host knows these interfaces, so the module needs no description of its types.

type Handle = i32;

@external("wasi:http/types@0.2.0", "[method]incoming-request.method")
declare function requestMethod(request: Handle, result: usize): void;
@external("wasi:http/types@0.2.0", "[method]incoming-request.path-with-query")
declare function requestPath(request: Handle, result: usize): void;
@external("wasi:http/types@0.2.0", "[resource-drop]incoming-request")
declare function requestDrop(request: Handle): void;
@external("wasi:http/types@0.2.0", "[static]fields.from-list")
declare function fieldsFromList(at: usize, n: i32, result: usize): void;
@external("wasi:http/types@0.2.0", "[constructor]outgoing-response")
declare function responseNew(fields: Handle): Handle;
@external("wasi:http/types@0.2.0", "[method]outgoing-response.set-status-code")
declare function responseSetStatus(response: Handle, status: i32): i32;
@external("wasi:http/types@0.2.0", "[method]outgoing-response.body")
declare function responseBody(response: Handle, result: usize): void;
// The response is result<outgoing-response, error-code>; this actor gives only the first, which is kind 0.
@external("wasi:http/types@0.2.0", "[static]response-outparam.set")
declare function outparamSet(out: Handle, kind: i32, response: Handle, e1: i32, e2: i64, e3: i32, e4: i32, e5: i32, e6: i32): void;
@external("wasi:http/types@0.2.0", "[method]outgoing-body.write")
declare function bodyWrite(body: Handle, result: usize): void;
@external("wasi:http/types@0.2.0", "[static]outgoing-body.finish")
declare function bodyFinish(body: Handle, some: i32, trailers: Handle, result: usize): void;
@external("wasi:io/streams@0.2.0", "[method]output-stream.blocking-write-and-flush")
declare function streamWrite(stream: Handle, at: usize, n: i32, result: usize): void;
@external("wasi:io/streams@0.2.0", "[resource-drop]output-stream")
declare function streamDrop(stream: Handle): void;
@external("wasi:io/error@0.2.0", "[resource-drop]error")
declare function errorDrop(error: Handle): void;
@external("wasi:keyvalue/store@0.2.0-draft2", "open")
declare function storeOpen(at: usize, n: i32, result: usize): void;
@external("wasi:keyvalue/store@0.2.0-draft2", "[resource-drop]bucket")
declare function bucketDrop(bucket: Handle): void;
@external("wasi:keyvalue/atomics@0.2.0-draft2", "increment")
declare function atomicsIncrement(bucket: Handle, at: usize, n: i32, delta: i64, result: usize): void;

// Where results are written that do not fit one number; the largest, that of outgoing-body.finish, has 40 bytes.
const result = memory.data(40, 8);

// What the host gives by cabi_realloc. It is kept from being collected until the call is over: see done.
const given = new Array<ArrayBuffer>();

export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  const buffer = new ArrayBuffer(<i32>size); // aligned to 16 bytes
  const at = changetype<usize>(buffer);
  memory.copy(at, old, oldSize);
  given.push(buffer);
  return at;
}

// done frees what the call has used.
export function done(): void {
  given.length = 0;
  __collect();
}

// text is the string whose place and length stand at a place.
function text(at: usize): string {
  return String.UTF8.decodeUnsafe(load<u32>(at), load<u32>(at, 4));
}

/** Why something did not work; "" if it did. */
export class Answer<T> {
  constructor(public value: T, public error: string) {}
}

// storeError reads the variant error of wasi:keyvalue.
function storeError(at: usize): string {
  const kind = load<u8>(at);
  return kind == 0 ? "no such store" : kind == 1 ? "access denied" : text(at + 4);
}

/** A bucket of wasi:keyvalue. */
export class Bucket {
  private constructor(private handle: Handle) {}

  static open(name: string): Answer<Bucket> {
    const id = String.UTF8.encode(name);
    storeOpen(changetype<usize>(id), id.byteLength, result);
    if (load<u8>(result)) return new Answer(new Bucket(-1), storeError(result + 4));
    return new Answer(new Bucket(load<Handle>(result, 4)), "");
  }

  /** Adds delta to the number at a key and gives the new one. */
  increment(key: string, delta: i64): Answer<i64> {
    const k = String.UTF8.encode(key);
    atomicsIncrement(this.handle, changetype<usize>(k), k.byteLength, delta, result);
    if (load<u8>(result)) return new Answer<i64>(0, storeError(result + 8));
    return new Answer(load<i64>(result, 8), "");
  }

  close(): void {
    bucketDrop(this.handle);
  }
}

/** An HTTP request, and the answer to it. */
export class Exchange {
  constructor(private request: Handle, private out: Handle) {}

  /** Whether the method is GET, the first case of the variant method. */
  get isGet(): bool {
    requestMethod(this.request, result);
    return load<u8>(result) == 0;
  }

  /** Path and query, as they were sent. */
  get path(): string {
    requestPath(this.request, result);
    return load<u8>(result) ? text(result + 4) : "";
  }

  respond(status: i32, name: string, value: string, content: string): void {
    const response = responseNew(fields(name, value));
    responseSetStatus(response, status);
    responseBody(response, result);
    const body = load<Handle>(result, 4);
    outparamSet(this.out, 0, response, 0, 0, 0, 0, 0, 0);
    send(body, String.UTF8.encode(content));
    bodyFinish(body, 0, 0, result);
  }

  close(): void {
    requestDrop(this.request);
  }
}

// fields makes fields with one entry: a list of one pair of texts.
function fields(name: string, value: string): Handle {
  const n = String.UTF8.encode(name);
  const v = String.UTF8.encode(value);
  const entry = StaticArray.fromArray<usize>([changetype<usize>(n), n.byteLength, changetype<usize>(v), v.byteLength]);
  fieldsFromList(changetype<usize>(entry), 1, result);
  return load<Handle>(result, 4);
}

// send writes the body in pieces that the stream takes.
function send(body: Handle, content: ArrayBuffer): void {
  bodyWrite(body, result);
  const stream = load<Handle>(result, 4);
  store<u8>(result, 0);
  for (let at = 0; at < content.byteLength && !load<u8>(result); at += 4096) {
    streamWrite(stream, changetype<usize>(content) + at, min(4096, content.byteLength - at), result);
  }
  if (load<u8>(result) && !load<u8>(result, 4)) errorDrop(load<Handle>(result, 8));
  streamDrop(stream);
}
