/* A probe for machines: one JSON object, by jansson.
 *
 * Every key is always there; what is not known is null.  xsock-probe(1) has the
 * list.
 */
#include "xsock/probe.h"

#include "xsock/json_text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

bool xs_probe_has_json(void)
{
	return true;
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
	return json_pack(
		"{s:o, s:o, s:o}", "resolve",
		time_of(probe->ms[XS_CONNECT_ERROR_RESOLVE]), "connect",
		time_of(probe->ms[XS_CONNECT_ERROR_CONNECT]), "handshake",
		time_of(probe->ms[XS_CONNECT_ERROR_HANDSHAKE]));
}

/* --- TLS ------------------------------------------------------------------ */

static json_t *names_of(const struct xs_tls_certificate *cert)
{
	json_t *names = json_array();

	for (size_t i = 0; i < cert->names; i++)
		json_array_append_new(names, xs_json_text(cert->name[i]));
	return names;
}

static json_t *key_of(const struct xs_tls_certificate *cert)
{
	if (!cert->key)
		return json_null();
	return json_pack("{s:o, s:i, s:o}", "type", xs_json_text(cert->key),
			 "bits", cert->key_bits, "group",
			 xs_json_text(cert->key_group));
}

static json_t *days_of(const struct xs_tls_certificate *cert)
{
	return cert->not_after ? json_integer(cert->days_left) : json_null();
}

static json_t *certificate_of(const struct xs_tls_certificate *cert)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
			 " s:b, s:b, s:b, s:b}",
			 "subject", xs_json_text(cert->subject), "issuer",
			 xs_json_text(cert->issuer), "names", names_of(cert),
			 "not_before", xs_json_text(cert->not_before),
			 "not_after", xs_json_text(cert->not_after),
			 "days_left", days_of(cert), "key", key_of(cert),
			 "signature", xs_json_text(cert->signature), "sha256",
			 xs_json_text(cert->fingerprint), "pin_sha256",
			 xs_json_text(cert->pin), "self_signed",
			 cert->self_signed, "sent", cert->sent, "trusted",
			 cert->trusted, "needed", cert->used);
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
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "version",
			 xs_json_text(report->version), "cipher",
			 xs_json_text(report->cipher), "group",
			 xs_json_text(report->group), "alpn",
			 xs_json_text(report->alpn), "resumption",
			 resumption_of(probe));
}

static json_t *dtls_of(const struct xs_probe *probe)
{
	size_t largest = probe->dtls.largest;

	if (probe->rule->target.scheme->kind != XS_SCHEME_DTLS ||
	    !probe->report.version)
		return json_null();
	return json_pack("{s:b, s:i, s:I, s:o}", "cookie", probe->dtls.cookie,
			 "sent_again", (int)probe->dtls.resent, "payload",
			 (json_int_t)probe->dtls.payload, "largest",
			 largest ? json_integer((json_int_t)largest)
				 : json_null());
}

/* --- all of it ------------------------------------------------------------ */

static json_t *verdict_of(const struct xs_probe *probe)
{
	const struct xs_probe_verdict *verdict =
		xs_probe_verdict(&probe->verdict);
	char sentence[XS_ERROR_TEXT_MAX];

	return json_pack("{s:b, s:o, s:i, s:o}", "accepted",
			 !xs_error_is_set(&probe->verdict), "kind",
			 xs_json_text(verdict->word), "status", verdict->status,
			 "sentence",
			 xs_json_text(xs_probe_sentence(probe, sentence,
							sizeof(sentence))));
}

int xs_probe_print_json(const struct xs_probe *probe)
{
	json_t *all = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "target",
		xs_json_text(probe->target), "name", xs_json_text(probe->name),
		"address", address_of(probe), "milliseconds", times_of(probe),
		"tls", tls_of(probe), "dtls", dtls_of(probe), "chain",
		chain_of(&probe->report), "verdict", verdict_of(probe));
	int result = all ? json_dumpf(all, stdout,
				      JSON_INDENT(2) | JSON_REAL_PRECISION(6))
			 : -1;

	json_decref(all);
	if (result == 0)
		putchar('\n');
	return result;
}
