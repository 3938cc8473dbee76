/*
 * operation.h: bytes read as operations on a file system, as hostile as they can be said.
 *
 * One decoder for the engine and for the callbacks of memefs.exe. Every row of bytes means something: offsets
 * and lengths lie at the edges of everything, names are good, bad and nearly equal, and payloads (EA lists,
 * reparse data, descriptors) are well-formed, damaged or noise. What an operation does is its driver's.
 */
#ifndef MEMEFS_FUZZ_OPERATION_H
#define MEMEFS_FUZZ_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- bytes ---------------------------------------------------------------------------- */

/* What is read behind the end is 0. */
struct input {
	const uint8_t *bytes;
	size_t size, at;
};

uint8_t input_byte(struct input *input);
/* True while there is more. */
static inline bool input_left(const struct input *input)
{
	return input->at < input->size;
}

/* ---- what they say ----------------------------------------------------------------------- */

enum operation_kind {
	OP_LOOKUP,
	OP_CREATE,
	OP_NAMELESS,
	OP_LINK,
	OP_UNLINK,
	OP_RENAME,
	OP_CAN_REMOVE,
	OP_WALK,
	OP_PARENT,
	OP_LIST,
	OP_NUMBER,
	OP_HOLD,
	OP_DROP,
	OP_STREAM_OPEN,
	OP_STREAM_CREATE,
	OP_STREAM_REMOVE,
	OP_STREAM_RENAME,
	OP_STREAMS,
	OP_READ,
	OP_PIECES,
	OP_WRITE,
	OP_SIZE,
	OP_ALLOCATION,
	OP_OVERWRITE,
	OP_FALLOCATE,
	OP_SEEK,
	OP_COPY,
	OP_TRIM,
	OP_SET,
	OP_ACCESSED,
	OP_INFO,
	OP_SECURITY_GET,
	OP_SECURITY_SET,
	OP_EA_GET,
	OP_EA_SET,
	OP_REPARSE_GET,
	OP_REPARSE_SET,
	OP_REPARSE_REMOVE,
	OP_TARGET,
	OP_XATTR_GET,
	OP_XATTR_SET,
	OP_XATTR_REMOVE,
	OP_XATTR_LIST,
	OP_LABEL,
	OP_RESIZE,
	OP_SPACE,
	OP_KINDS
};

const char *operation_name(enum operation_kind kind);

#define OPERATION_SLOTS 24u	  /* things that a driver holds */
#define OPERATION_NAME_MAX 800u	  /* bytes */
#define OPERATION_BYTES_MAX 4096u /* of a payload */

struct operation_text {
	char bytes[OPERATION_NAME_MAX];
	size_t size;
};

struct operation {
	enum operation_kind kind;
	unsigned slot, other; /* below OPERATION_SLOTS */
	unsigned flags;	      /* a byte, or two */
	struct operation_text name, to;
	uint64_t offset, second, size;
	bool offset_from_end, second_from_end, size_from_end; /* to be added to the stream's size */
	size_t length; /* of data that is read or written, below 65536 + 4096 */
	uint8_t payload[OPERATION_BYTES_MAX];
	size_t payload_size;
};

/* The next operation; false: the input is at its end. */
bool operation_next(struct input *input, struct operation *operation);

/* A well-formed payload of a kind of operation (OP_EA_SET, OP_REPARSE_SET, OP_SECURITY_SET), one of several;
 * returns its size. */
size_t operation_payload(enum operation_kind kind, unsigned which, uint8_t to[OPERATION_BYTES_MAX]);

#endif
