/*
 * parse: what the rooms of the parser share while one command line is read. Not for front ends.
 */
#ifndef MEMEFS_CLI_PARSE_H
#define MEMEFS_CLI_PARSE_H

#include "options.h"

struct parse {
	const struct cli_capabilities *can;
	struct cli_options *options;
	char *message;		 /* CLI_MESSAGE_BYTES */
	size_t message_used;	 /* bytes of notes in it */
	const char *spelled;	 /* the option at hand as the user wrote it: "-s", "--size" or "-o size" */
	const char *point;	 /* -m, NULL: not given */
	const char *action_name; /* "--unmount" ..., NULL: mount */
	char spelled_buffer[48];
	char volume_only[48];  /* the first option seen that only a mount can use, as written */
	uint64_t memory_total; /* what 100% means */
	size_t words_used;     /* bytes in options->mount_words */
	bool fsname, subtype;  /* given by -o */
	bool told_by_kernel;   /* a word that says what the kernel knows of a mount */
	bool helper;	       /* called by mount(8) */
	bool sloppy;	       /* unknown -o words are skipped, by mount(8)'s wish */
	bool done;	       /* --help or --version: nothing else matters */
};

/* The command line is wrong: replaces the message by this one line; returns false. */
bool parse_refuse(struct parse *parse, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line for stderr that stops nothing. */
void parse_note(struct parse *parse, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Values that options and -o words both have. */
bool parse_size(struct parse *parse, const char *value);
bool parse_nodes(struct parse *parse, const char *value);
bool parse_label(struct parse *parse, const char *value);
bool parse_unit(struct parse *parse, const char *value);
bool parse_store(struct parse *parse, const char *value);
bool parse_huge(struct parse *parse, const char *value);
/* A number of 32 bits ("-1" is the greatest) / one up to `most`; `what` names what it is in the message. */
bool parse_unsigned(struct parse *parse, const char *value, uint32_t *to, const char *what);
bool parse_bounded(struct parse *parse, const char *value, unsigned base, uint32_t most, uint32_t *to,
		   const char *what);
/* Refuses what is not UTF-8 or has more than `most` (at most 255) UTF-16 units. */
bool parse_units(struct parse *parse, const char *value, size_t most);

/* One -o list. */
bool parse_words(struct parse *parse, const char *list);
/* Adds one word to options->mount_words. */
bool parse_add_word(struct parse *parse, const char *word, size_t size);
/* The same with a value that may have commas. */
bool parse_add_word_value(struct parse *parse, const char *name, const char *value);

/* A row of the table of options, from which getopt's tables and --help are made. */
struct option_rule {
	const char *name;    /* the long name */
	char letter;	     /* the short one, 0: none */
	const char *value;   /* what --help calls its value, NULL: takes none */
	uint32_t capability; /* CLI_ bit, 0: on every system */
	bool volume_only;    /* means nothing without a volume to be made */
	bool (*take)(struct parse *parse, const char *value);
	const char *help;
};
extern const struct option_rule option_rules[];
extern const size_t option_rule_count;

#endif
