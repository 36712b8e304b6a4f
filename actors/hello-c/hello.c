// An actor in C that counts visits: each GET of a path adds one to the number of that name, in a key-value bucket.
#include <string.h>

#include "wasi.h"

// Memory of one request: what the host gives (cabi_realloc) and what the answer is made of. It is all free again at the next request.
static char memory[512 * 1024]; // a path has at most 64 KiB
static size_t used;

static void *take(size_t size, size_t align) {
	size_t at = (used + align - 1) & ~(align - 1);
	if (size > sizeof memory || at > sizeof memory - size)
		__builtin_trap(); // the host answers 500 and starts afresh
	used = at + size;
	return memory + at;
}

EXPORT("cabi_realloc") void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
	void *new = take(size, align);
	return old_size ? memcpy(new, old, old_size < size ? old_size : size) : new;
}

#define TEXT(s) ((text){s, sizeof(s) - 1})

// name is the path without its slashes and query, as it was sent: %20 stays %20.
static text name(text path) {
	const char *query = memchr(path.at, '?', path.len);
	if (query)
		path.len = query - path.at;
	while (path.len && path.at[0] == '/')
		path.at++, path.len--;
	while (path.len && path.at[path.len - 1] == '/')
		path.len--;
	return path.len ? path : TEXT("default");
}

// append adds to the text that stands at the end of the memory.
static void append(const char *at, size_t len) { memcpy(take(len, 1), at, len); }

static void append_json(text s) {
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = s.at[i];
		if (c == '"' || c == '\\')
			append((char[]){'\\', c}, 2);
		else if (c >= ' ')
			append((char *)&c, 1);
		else
			append((char[]){'\\', 'u', '0', '0', '0' + (c >> 4), "0123456789abcdef"[c & 15]}, 6);
	}
}

static void append_number(int64_t n) {
	char digits[20], *at = digits + sizeof digits;
	uint64_t left = n < 0 ? -(uint64_t)n : n;
	do
		*--at = '0' + left % 10;
	while (left /= 10);
	if (n < 0)
		append("-", 1);
	append(at, digits + sizeof digits - at);
}

static text since(size_t start) { return (text){memory + start, used - start}; }

// counted is {"name":"apples","count":3} and a new line.
static text counted(text name, int64_t count) {
	size_t start = used;
	append("{\"name\":\"", 9);
	append_json(name);
	append("\",\"count\":", 10);
	append_number(count);
	append("}\n", 2);
	return since(start);
}

// refused says what the store answered.
static text refused(const variant *error) {
	static const text kinds[] = {{"no such store", 13}, {"access denied", 13}};
	text why = error->kind < 2 ? kinds[error->kind] : error->other;
	size_t start = used;
	append("keyvalue: ", 10);
	append(why.at, why.len);
	append("\n", 1);
	return since(start);
}

// send writes the body in pieces that the stream takes.
static void send(handle body, text content) {
	result_handle stream;
	result_stream written = {0};
	body_write(body, &stream);
	for (size_t n; content.len && !written.err; content.at += n, content.len -= n) {
		n = content.len < 4096 ? content.len : 4096;
		stream_write(stream.ok, content.at, n, &written);
	}
	if (written.err && written.kind == 0)
		error_drop(written.error);
	stream_drop(stream.ok);
}

static void respond(handle out, int status, field head, text content) {
	result_handle fields, body;
	result_finish finished;
	fields_from_list(&head, 1, &fields);
	handle response = response_new(fields.ok);
	response_set_status(response, status);
	response_body(response, &body);
	outparam_set(out, 0, response, 0, 0, 0, 0, 0, 0);
	send(body.ok, content);
	body_finish(body.ok, 0, 0, &finished);
}

static void unavailable(handle out, const variant *error) {
	respond(out, 503, (field){TEXT("content-type"), TEXT("text/plain; charset=utf-8")}, refused(error));
}

// count answers the third GET /apples with {"name":"apples","count":3}.
static void count(handle request, handle out) {
	variant method;
	option_text path;
	request_method(request, &method);
	request_path(request, &path);
	if (method.kind != 0) {
		respond(out, 405, (field){TEXT("allow"), TEXT("GET")}, TEXT("only GET counts\n"));
		return;
	}
	result_handle bucket;
	store_open("counts", 6, &bucket);
	if (bucket.err) {
		unavailable(out, &bucket.error);
		return;
	}
	text key = name(path.some ? path.value : TEXT(""));
	result_s64 n;
	increment(bucket.ok, key.at, key.len, 1, &n);
	bucket_drop(bucket.ok);
	if (n.err)
		unavailable(out, &n.error);
	else
		respond(out, 200, (field){TEXT("content-type"), TEXT("application/json")}, counted(key, n.ok));
}

EXPORT("wasi:http/incoming-handler@0.2.0#handle") void handle_request(handle request, handle out) {
	used = 0;
	count(request, out);
	request_drop(request);
}
