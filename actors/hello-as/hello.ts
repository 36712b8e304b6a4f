// An actor in AssemblyScript that counts visits: each GET of a path adds one to the number of that name, in a key-value bucket.
import { Bucket, Exchange, done } from "./wasi";
export { cabi_realloc } from "./wasi";

// name is the path without its slashes and query, as it was sent: %20 stays %20.
function name(path: string): string {
  const query = path.indexOf("?");
  let end = query < 0 ? path.length : query;
  let start = 0;
  while (start < end && path.charAt(start) == "/") start++;
  while (start < end && path.charAt(end - 1) == "/") end--;
  return start < end ? path.substring(start, end) : "default";
}

// quote is a JSON string.
function quote(s: string): string {
  const parts = new Array<string>();
  let from = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c >= 0x20 && c != 0x22 && c != 0x5c) continue;
    parts.push(s.substring(from, i));
    parts.push(c < 0x20 ? "\\u00" + (c >> 4).toString(16) + (c & 15).toString(16) : "\\" + s.charAt(i));
    from = i + 1;
  }
  parts.push(s.substring(from));
  return '"' + parts.join("") + '"';
}

function unavailable(http: Exchange, why: string): void {
  http.respond(503, "content-type", "text/plain; charset=utf-8", "keyvalue: " + why + "\n");
}

// count answers the third GET /apples with {"name":"apples","count":3}.
function count(http: Exchange): void {
  if (!http.isGet) return http.respond(405, "allow", "GET", "only GET counts\n");
  const key = name(http.path);
  const counts = Bucket.open("counts");
  if (counts.error != "") return unavailable(http, counts.error);
  const n = counts.value.increment(key, 1);
  counts.value.close();
  if (n.error != "") return unavailable(http, n.error);
  http.respond(200, "content-type", "application/json", '{"name":' + quote(key) + ',"count":' + n.value.toString() + "}\n");
}

// handle is wasi:http/incoming-handler#handle; export.js gives it that name.
export function handle(request: i32, out: i32): void {
  const http = new Exchange(request, out);
  count(http);
  http.close();
  done();
}
