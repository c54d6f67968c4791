/* A probe for machines: one JSON object, by jansson.
 *
 * Every key is always there; what is not known is null.  xsock(1) has the
 * list.
 */
#include "probe.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

bool xs_probe_has_json(void)
{
	return true;
}

/* A string or null.  A file name in a sentence may not be UTF-8. */
static json_t *text(const char *from)
{
	json_t *value = from ? json_string(from) : json_null();
	char copy[XS_ERROR_TEXT_MAX];

	if (value)
		return value;
	snprintf(copy, sizeof(copy), "%s", from);
	for (char *at = copy; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return json_string(copy);
}

/* Milliseconds or null. */
static json_t *time_of(double ms)
{
	return ms < 0 ? json_null() : json_real(ms);
}

static json_t *address_of(const struct xs_probe *probe)
{
	char address[XS_ADDRESS_TEXT_MAX];

	if (!probe->connected)
		return json_null();
	xs_address_format(xs_dial_address(&probe->dial), address,
			  sizeof(address));
	return json_string(address);
}

static json_t *times_of(const struct xs_probe *probe)
{
	return json_pack("{s:o, s:o, s:o}", "resolve",
			 time_of(probe->ms[XS_OUTCOME_RESOLVE]), "connect",
			 time_of(probe->ms[XS_OUTCOME_CONNECT]), "handshake",
			 time_of(probe->ms[XS_OUTCOME_HANDSHAKE]));
}

/* --- TLS ------------------------------------------------------------------ */

static json_t *names_of(const struct xs_tls_certificate *cert)
{
	json_t *names = json_array();

	for (size_t i = 0; i < cert->names; i++)
		json_array_append_new(names, text(cert->name[i]));
	return names;
}

static json_t *key_of(const struct xs_tls_certificate *cert)
{
	if (!cert->key)
		return json_null();
	return json_pack("{s:o, s:i, s:o}", "type", text(cert->key), "bits",
			 cert->key_bits, "group", text(cert->key_group));
}

static json_t *days_of(const struct xs_tls_certificate *cert)
{
	return cert->not_after ? json_integer(cert->days_left) : json_null();
}

static json_t *certificate_of(const struct xs_tls_certificate *cert)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
		" s:b, s:b, s:b, s:b}",
		"subject", text(cert->subject), "issuer", text(cert->issuer),
		"names", names_of(cert), "not_before", text(cert->not_before),
		"not_after", text(cert->not_after), "days_left", days_of(cert),
		"key", key_of(cert), "signature", text(cert->signature),
		"sha256", text(cert->fingerprint), "pin_sha256",
		text(cert->pin), "self_signed", cert->self_signed, "sent",
		cert->sent, "trusted", cert->trusted, "needed", cert->used);
}

static json_t *chain_of(const struct xs_tls_report *report)
{
	json_t *chain = json_array();

	for (size_t i = 0; i < report->certificates; i++)
		json_array_append_new(chain,
				      certificate_of(&report->certificate[i]));
	return chain;
}

/* Null, too, when it was not tried because the handshake failed. */
static json_t *resumption_of(const struct xs_probe *probe)
{
	if (!probe->report.version || xs_error_is_set(&probe->verdict))
		return json_null();
	return json_boolean(probe->resumed);
}

static json_t *tls_of(const struct xs_probe *probe)
{
	const struct xs_tls_report *report = &probe->report;

	if (!report->version)
		return json_null();
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o}", "version", text(report->version),
		"cipher", text(report->cipher), "group", text(report->group),
		"alpn", text(report->alpn), "resumption", resumption_of(probe));
}

/* --- all of it ------------------------------------------------------------ */

static json_t *verdict_of(const struct xs_probe *probe)
{
	const struct xs_probe_verdict *verdict =
		xs_probe_verdict(&probe->verdict);
	char sentence[XS_ERROR_TEXT_MAX];

	return json_pack(
		"{s:b, s:o, s:i, s:o}", "accepted",
		!xs_error_is_set(&probe->verdict), "kind", text(verdict->word),
		"status", verdict->status, "sentence",
		text(xs_probe_sentence(probe, sentence, sizeof(sentence))));
}

int xs_probe_print_json(const struct xs_probe *probe)
{
	json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "target",
				text(probe->target), "name", text(probe->name),
				"address", address_of(probe), "milliseconds",
				times_of(probe), "tls", tls_of(probe), "chain",
				chain_of(&probe->report), "verdict",
				verdict_of(probe));
	int result = all ? json_dumpf(all, stdout,
				      JSON_INDENT(2) | JSON_REAL_PRECISION(6))
			 : -1;

	json_decref(all);
	if (result == 0)
		putchar('\n');
	return result;
}
