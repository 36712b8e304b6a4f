// The interfaces that this actor uses, as the Canonical ABI passes them: a handle, a length and a pointer are each 32 bits;
// strings and lists are a pointer and a length; what does not fit one number is written to where the last parameter points.
// The host knows these interfaces, so the module needs no description of its types.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP "wasi:http/types@0.2.0"
#define STREAMS "wasi:io/streams@0.2.0"
#define STORE "wasi:keyvalue/store@0.2.0-draft2"
#define ATOMICS "wasi:keyvalue/atomics@0.2.0-draft2"
#define IMPORT(interface, name) __attribute__((import_module(interface), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

typedef int32_t handle;

typedef struct {
	const char *at;
	size_t len;
} text; // string and list<u8>; not ended by 0

typedef struct {
	bool some;
	text value;
} option_text;

typedef struct {
	uint8_t kind;
	text other;
} variant; // of method (0 is get) and of the errors of wasi:keyvalue (2 is other)

typedef struct {
	bool err;
	union {
		handle ok;
		variant error;
	};
} result_handle;

typedef struct {
	bool err;
	union {
		int64_t ok;
		variant error;
	};
} result_s64;

typedef struct {
	bool err;
	_Alignas(4) uint8_t kind; // 0: last-operation-failed, 1: closed
	handle error;
} result_stream;

typedef struct {
	bool err;
	_Alignas(8) uint8_t error[32];
} result_finish;

typedef struct {
	text name, value;
} field;

_Static_assert(sizeof(option_text) == 12 && sizeof(variant) == 12 && sizeof(result_handle) == 16 && sizeof(result_s64) == 24 &&
		sizeof(result_stream) == 12 && sizeof(result_finish) == 40,
	"the layouts are those of the Canonical ABI");

IMPORT(HTTP, "[method]incoming-request.method") void request_method(handle request, variant *method);
IMPORT(HTTP, "[method]incoming-request.path-with-query") void request_path(handle request, option_text *path);
IMPORT(HTTP, "[resource-drop]incoming-request") void request_drop(handle request);
IMPORT(HTTP, "[static]fields.from-list") void fields_from_list(const field *fields, size_t n, result_handle *out);
IMPORT(HTTP, "[constructor]outgoing-response") handle response_new(handle fields);
IMPORT(HTTP, "[method]outgoing-response.set-status-code") int32_t response_set_status(handle response, int32_t status);
IMPORT(HTTP, "[method]outgoing-response.body") void response_body(handle response, result_handle *out);
// The response is result<outgoing-response, error-code>; this actor gives only the first, which is kind 0.
IMPORT(HTTP, "[static]response-outparam.set")
void outparam_set(handle out, int32_t kind, handle response, int32_t e1, int64_t e2, int32_t e3, int32_t e4, int32_t e5, int32_t e6);
IMPORT(HTTP, "[method]outgoing-body.write") void body_write(handle body, result_handle *out);
IMPORT(HTTP, "[static]outgoing-body.finish") void body_finish(handle body, int32_t some, handle trailers, result_finish *out);
IMPORT(STREAMS, "[method]output-stream.blocking-write-and-flush")
void stream_write(handle stream, const char *at, size_t len, result_stream *out);
IMPORT(STREAMS, "[resource-drop]output-stream") void stream_drop(handle stream);
IMPORT("wasi:io/error@0.2.0", "[resource-drop]error") void error_drop(handle error);
IMPORT(STORE, "open") void store_open(const char *name, size_t len, result_handle *out);
IMPORT(STORE, "[resource-drop]bucket") void bucket_drop(handle bucket);
IMPORT(ATOMICS, "increment") void increment(handle bucket, const char *key, size_t len, int64_t delta, result_s64 *out);
