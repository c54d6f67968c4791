/* LDAP behind TLS, until the application is at work: SASL mechanisms that bind
 * to TLS are not offered (sasl.h).
 *
 * They are values of an attribute of the root DSE (RFC 4512, 5.1), the entry
 * without a name.  Values are taken out, and every length around them gets
 * smaller in as many octets as it had.  (X.690, 8.1.3.5, allows more than are
 * needed, and RFC 4511, 5.1, does not forbid it.)  Another name of the same
 * length in their place would leave all lengths as they are, but a client
 * might choose it, or show it.
 *
 * A bind is not the end, because some bind anonymously before they look.  The
 * end is the first message that is about something else than what the server
 * can do: an entry with a name, or a result of another operation.  So is what
 * is no message (what a SASL security layer makes of them begins with the
 * first octet of a length, 0), or is too long to be a root DSE.
 */
#include "relay/starttls/ldap.h"
#include "relay/starttls/sasl.h"
#include "relay/starttls/table.h"

/* Tags (RFC 4511, appendix B). */
enum {
	BIND_RESPONSE = 0x61,
	ENTRY = 0x64,
	SEARCH_DONE = 0x65,
	EXTENDED_RESPONSE = 0x78,
	INTERMEDIATE_RESPONSE = 0x79,
};

static size_t piece(size_t size)
{
	return size < XS_PACKET_MAX ? size : XS_PACKET_MAX;
}

/* A whole message of the server's; what is none, or is too long, in pieces. */
static size_t filter_frame(struct xs_dialogue *dialogue, bool from_app,
			   const uint8_t *data, size_t size,
			   struct xs_error *err)
{
	size_t head, len;

	(void)dialogue, (void)err;
	if (from_app || *data != XS_BER_SEQUENCE ||
	    !xs_ber_read_head((struct xs_ber){ data, data + size }, &head,
			      &len))
		return piece(size);
	if (!head)
		return 0;
	if (len > XS_PACKET_MAX - head)
		return piece(size);
	return size < head + len ? 0 : head + len;
}

/* --- what is to be taken out --------------------------------------------- */

/* How many bytes, and how many mechanisms stay; added up. */
struct sum {
	size_t less, left;
};

/* False: it is malformed. */
static bool sum_values(struct xs_ber values, struct sum *sum)
{
	while (values.at < values.end) {
		const uint8_t *start = values.at;
		struct xs_ber name;

		if (!xs_ber_take(&values, XS_BER_OCTETS, &name))
			return false;
		if (xs_sasl_binds(name.at, (size_t)(name.end - name.at)))
			sum->less += (size_t)(values.at - start);
		else
			sum->left++;
	}
	return true;
}

/* attribute: what is in its SEQUENCE. */
static bool sum_attribute(struct xs_ber attribute, struct sum *sum)
{
	struct xs_ber type, values;

	if (!xs_ber_take(&attribute, XS_BER_OCTETS, &type))
		return false;
	return !xs_ldap_is(type, "supportedSASLMechanisms") ||
	       (xs_ber_take(&attribute, XS_BER_SET, &values) &&
		sum_values(values, sum));
}

static bool sum_attributes(struct xs_ber attributes, struct sum *sum)
{
	struct xs_ber attribute;

	while (attributes.at < attributes.end)
		if (!xs_ber_take(&attributes, XS_BER_SEQUENCE, &attribute) ||
		    !sum_attribute(attribute, sum))
			return false;
	return true;
}

/* --- taking it out ---------------------------------------------------------
 */

struct writer {
	struct xs_dialogue *dialogue;
	const uint8_t *at; /* all before has been written, or left out */
};

static void write_to(struct writer *writer, const uint8_t *end)
{
	xs_dialogue_replay(writer->dialogue, writer->at,
			   (size_t)(end - writer->at));
	writer->at = end;
}

/* Takes an element as xs_ber_take does, and writes its tag, and its length as
 * it is when so much of it is left out. */
static void write_head(struct writer *writer, struct xs_ber *ber, uint8_t tag,
		       struct xs_ber *value, size_t less)
{
	uint8_t head[6];
	size_t size = 0, first;

	write_to(writer, ber->at);
	xs_ber_take(ber, tag, value);
	for (; writer->at < value->at; writer->at++)
		head[size++] = *writer->at;
	first = size > 2 ? 2 : 1;
	for (size_t i = size; i-- > first && less; less >>= 8) {
		uint8_t low = less & 0xff;

		less += head[i] < low ? 0x100 : 0;
		head[i] -= low;
	}
	xs_dialogue_replay(writer->dialogue, head, size);
}

static void write_values(struct writer *writer, struct xs_ber values)
{
	struct xs_ber name;

	while (values.at < values.end) {
		const uint8_t *start = values.at;

		xs_ber_take(&values, XS_BER_OCTETS, &name);
		if (!xs_sasl_binds(name.at, (size_t)(name.end - name.at)))
			continue;
		write_to(writer, start);
		writer->at = values.at;
	}
}

static void write_attributes(struct writer *writer, struct xs_ber attributes)
{
	while (attributes.at < attributes.end) {
		struct xs_ber whole = attributes, attribute, type, values;
		struct sum sum = { 0 };

		xs_ber_take(&attributes, XS_BER_SEQUENCE, &attribute);
		sum_attribute(attribute, &sum);
		if (!sum.less)
			continue;
		write_head(writer, &whole, XS_BER_SEQUENCE, &attribute,
			   sum.less);
		xs_ber_take(&attribute, XS_BER_OCTETS, &type);
		write_head(writer, &attribute, XS_BER_SET, &values, sum.less);
		write_values(writer, values);
	}
}

/* Every element has been read already, and is well-formed. */
static void write_entry(struct writer *writer, struct xs_unit unit, size_t less)
{
	struct xs_ber all = { unit.raw, unit.raw + unit.len };
	struct xs_ber message, entry, value;

	write_head(writer, &all, XS_BER_SEQUENCE, &message, less);
	xs_ber_take(&message, XS_BER_INTEGER, &value);
	write_head(writer, &message, ENTRY, &entry, less);
	xs_ber_take(&entry, XS_BER_OCTETS, &value);
	write_head(writer, &entry, XS_BER_SEQUENCE, &value, less);
	write_attributes(writer, value);
}

/* --- the dialogue ----------------------------------------------------------
 */

/* Is it one that comes before the application is at work?  *attributes are
 * those of a root DSE. */
static bool is_before_work(const struct xs_ldap *message,
			   struct xs_ber *attributes)
{
	struct xs_ber body = message->body, name;

	*attributes = (struct xs_ber){ NULL, NULL };
	switch (message->operation) {
	case BIND_RESPONSE:
	case SEARCH_DONE:
	case EXTENDED_RESPONSE:
	case INTERMEDIATE_RESPONSE:
		return true;
	case ENTRY:
		return xs_ber_take(&body, XS_BER_OCTETS, &name) &&
		       name.at == name.end &&
		       xs_ber_take(&body, XS_BER_SEQUENCE, attributes);
	default:
		return false;
	}
}

static enum xs_dialogue_result filter_server(struct xs_dialogue *dialogue,
					     struct xs_unit unit,
					     struct xs_error *err)
{
	struct writer writer = { dialogue, unit.raw };
	struct xs_ber attributes;
	struct xs_ldap message;
	struct sum sum = { 0 };
	bool goes_on = xs_ldap_read(unit, &message) &&
		       is_before_work(&message, &attributes);

	(void)err;
	if (goes_on && sum_attributes(attributes, &sum) && sum.less) {
		write_entry(&writer, unit, sum.less);
		if (!sum.left)
			xs_sasl_none_left(dialogue);
	}
	write_to(&writer, unit.raw + unit.len);
	return goes_on ? XS_DIALOGUE_MORE : XS_DIALOGUE_PASS;
}

const struct xs_protocol xs_protocol_ldap_tls = {
	.name = "ldap+tls",
	.title = "LDAP",
	.asks = "TLS",
	.begin = xs_dialogue_begin_with_tls,
	.frame = filter_frame,
	.unit_max = XS_PACKET_MAX,
	.passes_end = true,
	.server = filter_server,
	.app = xs_dialogue_pass_app,
	.secured = xs_ldap_filter,
};

enum xs_dialogue_result xs_ldap_filter(struct xs_dialogue *dialogue,
				       struct xs_error *err)
{
	(void)err;
	return xs_dialogue_listen_as(dialogue, &xs_protocol_ldap_tls);
}
