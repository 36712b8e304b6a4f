// An actor in JavaScript that counts visits: each GET of a path adds one to the number of that name, in a key-value bucket.
import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from "wasi:http/types@0.2.0";
import { increment } from "wasi:keyvalue/atomics@0.2.0-draft2";
import { open } from "wasi:keyvalue/store@0.2.0-draft2";

const dispose = Symbol.dispose ?? Symbol.for("dispose");

// The name is the path without its slashes and query, as it was sent: %20 stays %20.
const name = (path) => path.replace(/\?.*/s, "").replace(/^\/+|\/+$/g, "") || "default";

function respond(out, status, header, content) {
  const response = new OutgoingResponse(Fields.fromList([[header[0], new TextEncoder().encode(header[1])]]));
  response.setStatusCode(status);
  const body = response.body();
  ResponseOutparam.set(out, { tag: "ok", val: response });
  const stream = body.write();
  const bytes = new TextEncoder().encode(content);
  for (let at = 0; at < bytes.length; at += 4096) stream.blockingWriteAndFlush(bytes.subarray(at, at + 4096));
  stream[dispose]();
  OutgoingBody.finish(body, undefined);
}

// explain puts an error of wasi:keyvalue into words.
function explain(error) {
  const e = error?.payload ?? error;
  return { "no-such-store": "no such store", "access-denied": "access denied" }[e.tag] ?? e.val ?? String(error);
}

// count answers the third GET /apples with {"name":"apples","count":3}.
function count(request, out) {
  if (request.method().tag !== "get") return respond(out, 405, ["allow", "GET"], "only GET counts\n");
  const key = name(request.pathWithQuery() ?? "");
  let n;
  try {
    const counts = open("counts");
    try {
      n = increment(counts, key, 1n);
    } finally {
      counts[dispose]();
    }
  } catch (error) {
    return respond(out, 503, ["content-type", "text/plain; charset=utf-8"], `keyvalue: ${explain(error)}\n`);
  }
  respond(out, 200, ["content-type", "application/json"], `{"name":${JSON.stringify(key)},"count":${n}}\n`);
}

export const incomingHandler = {
  handle(request, out) {
    count(request, out);
    request[dispose]();
  },
};
