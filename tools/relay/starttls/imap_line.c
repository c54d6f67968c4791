/* IMAP's lines before TLS; see imap.h. */
#include "relay/starttls/imap.h"

#include "relay/starttls/reply.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *word;
	enum xs_imap_kind kind;
} untagged[] = {
	{ "OK", XS_IMAP_OK },	      { "NO", XS_IMAP_OK },
	{ "BAD", XS_IMAP_OK },	      { "PREAUTH", XS_IMAP_PREAUTH },
	{ "BYE", XS_IMAP_BYE },	      { "CAPABILITY", XS_IMAP_CAPABILITY },
	{ "ID", XS_IMAP_CAPABILITY }, { "ENABLED", XS_IMAP_CAPABILITY },
};

bool xs_imap_literal(const char *line)
{
	size_t len = strlen(line);
	size_t at;

	if (len < 3 || line[len - 1] != '}')
		return false;
	at = len - 2;
	if (line[at] == '+' || line[at] == '-')
		at--;
	while (at > 0 && line[at] >= '0' && line[at] <= '9')
		at--;
	return line[at] == '{';
}

/* Sets code and text of a status response; at is behind its word. */
static void read_status_text(const char *at, struct xs_imap *imap)
{
	const char *end;

	while (*at == ' ')
		at++;
	imap->text = at;
	end = *at == '[' ? strchr(at, ']') : NULL;
	if (!end)
		return;
	imap->code = at + 1;
	imap->text = end + 1 + strspn(end + 1, " ");
}

static void read_untagged(const char *at, struct xs_imap *imap)
{
	for (size_t i = 0; i < sizeof(untagged) / sizeof(untagged[0]); i++) {
		if (!xs_reply_word(at, untagged[i].word))
			continue;
		imap->kind = untagged[i].kind;
		at += strlen(untagged[i].word);
		if (imap->kind == XS_IMAP_CAPABILITY)
			imap->text = at;
		else
			read_status_text(at, imap);
		return;
	}
}

void xs_imap_read(const char *line, struct xs_imap *imap)
{
	const char *status;

	*imap = (struct xs_imap){ .kind = XS_IMAP_WRONG, .text = line };
	if (xs_imap_literal(line))
		return;
	if (line[0] == '*' && line[1] == ' ') {
		read_untagged(line + 2, imap);
		return;
	}
	imap->tag = line;
	imap->tag_len = strcspn(line, " +*\"(){%\\");
	if (!imap->tag_len || line[imap->tag_len] != ' ')
		return;
	status = line + imap->tag_len + 1;
	imap->ok = xs_reply_word(status, "OK");
	if (!imap->ok && !xs_reply_word(status, "NO") &&
	    !xs_reply_word(status, "BAD"))
		return;
	imap->kind = XS_IMAP_TAGGED;
	read_status_text(status + strcspn(status, " "), imap);
}

bool xs_imap_lists(const char *list, const char *word)
{
	size_t want = strlen(word), len;

	for (; *list && *list != ']'; list += len + (list[len] == ' ')) {
		len = strcspn(list, " ]");
		if (len == want && strncasecmp(list, word, len) == 0)
			return true;
	}
	return false;
}
