/* Whatever goes wrong in TLS, told to a person: what, and what to do.
 *
 * The one translator from X509_V_ERR_*, alerts and OpenSSL's error queue to
 * struct xs_error.  The words are in tls_error_table.c; a code that has no row
 * there is told in OpenSSL's own.  What depends on the certificate at hand
 * (dates, names, issuer) is added as the row's detail says.
 *
 * Pure but for the clock.  Any thread.
 */
#include "relay/tls/tls_psk.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct xs_tls_error_row *
find_row(const struct xs_tls_error_row *table, int code)
{
	for (; table->cause; table++)
		if (table->code == code)
			return table;
	return NULL;
}

/* "CN=www.example.com", or the first thing that the name has. */
static void add_subject(struct xs_tls_text *text, const X509_NAME *name)
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, at < 0 ? 0 : at);
	const ASN1_STRING *value;

	if (!entry) {
		xs_tls_add(text, "no subject");
		return;
	}
	value = X509_NAME_ENTRY_get_data(entry);
	xs_tls_add(text, "%s=",
		   OBJ_nid2sn(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry))));
	xs_tls_add_foreign(text, ASN1_STRING_get0_data(value),
			   (size_t)ASN1_STRING_length(value), 64);
}

static void add_date(struct xs_tls_text *text, const struct tm *date)
{
	xs_tls_add(text, "%04d-%02d-%02d", date->tm_year + 1900,
		   date->tm_mon + 1, date->tm_mday);
}

static void add_time(struct xs_tls_text *text, const ASN1_TIME *when)
{
	struct tm date;

	if (ASN1_TIME_to_tm(when, &date))
		add_date(text, &date);
	else
		xs_tls_add(text, "an unreadable date");
}

static void add_clock(struct xs_tls_text *text)
{
	time_t now = time(NULL);
	struct tm date;

	if (!gmtime_r(&now, &date))
		return;
	xs_tls_add(text, "; this machine's clock says ");
	add_date(text, &date);
}

static void add_general_name(struct xs_tls_text *text, const GENERAL_NAME *name)
{
	char ip[INET6_ADDRSTRLEN];
	const ASN1_STRING *value;
	int type;

	value = GENERAL_NAME_get0_value(name, &type);
	if (type == GEN_DNS) {
		xs_tls_add_foreign(text, ASN1_STRING_get0_data(value),
				   (size_t)ASN1_STRING_length(value), 64);
		return;
	}
	if (inet_ntop(ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6,
		      ASN1_STRING_get0_data(value), ip, sizeof(ip)))
		xs_tls_add(text, "%s", ip);
}

static bool is_server_name(const GENERAL_NAME *name)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

	return type == GEN_DNS ||
	       (type == GEN_IPADD && (ASN1_STRING_length(value) == 4 ||
				      ASN1_STRING_length(value) == 16));
}

/* The names that a certificate is for, the first few. */
static void add_names(struct xs_tls_text *text, const X509 *cert)
{
	enum { SHOWN = 4 };
	GENERAL_NAMES *names =
		X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int count = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (!is_server_name(name) || count++ >= SHOWN)
			continue;
		xs_tls_add(text, "%s", count == 1 ? ", only for " : ", ");
		add_general_name(text, name);
	}
	if (!count)
		xs_tls_add(text, ", or any name: it has no subjectAltName");
	else if (count > SHOWN)
		xs_tls_add(text, " and %d more", count - SHOWN);
	GENERAL_NAMES_free(names);
}

static void add_certificate_cause(struct xs_tls_text *text,
				  enum xs_tls_error_detail detail,
				  const X509 *cert, const char *name)
{
	switch (detail) {
	case XS_DETAIL_END:
		xs_tls_add(text, " ");
		add_time(text, X509_get0_notAfter(cert));
		break;
	case XS_DETAIL_BEGIN:
		xs_tls_add(text, " ");
		add_time(text, X509_get0_notBefore(cert));
		break;
	case XS_DETAIL_NAMES:
		xs_tls_add(text, " \"");
		xs_tls_add_foreign(text, name, strlen(name), 100);
		xs_tls_add(text, "\"");
		add_names(text, cert);
		break;
	case XS_DETAIL_ISSUER:
	case XS_DETAIL_MISSING:
		xs_tls_add(text, ", ");
		add_subject(text, X509_get_issuer_name(cert));
		if (detail == XS_DETAIL_MISSING)
			xs_tls_add(text, ", whose certificate is missing: the "
					 "server did not send it");
		break;
	case XS_NO_DETAIL:
	case XS_DETAIL_TRUST:
	case XS_DETAIL_CLOCK:
	case XS_DETAIL_HEARD:
	case XS_DETAIL_CLIENT:
		break;
	}
}

static void add_certificate_remedy(struct xs_tls_text *text,
				   enum xs_tls_error_detail detail,
				   const char *trust)
{
	switch (detail) {
	case XS_DETAIL_END:
	case XS_DETAIL_BEGIN:
	case XS_DETAIL_CLOCK:
		add_clock(text);
		break;
	case XS_DETAIL_ISSUER:
	case XS_DETAIL_MISSING:
	case XS_DETAIL_TRUST:
		xs_tls_add(text, "; trusted is what is in ");
		xs_tls_add_foreign(text, trust, strlen(trust), 150);
		break;
	case XS_NO_DETAIL:
	case XS_DETAIL_NAMES:
	case XS_DETAIL_HEARD:
	case XS_DETAIL_CLIENT:
		break;
	}
}

void xs_tls_error_certificate(struct xs_error *err, int code, const X509 *cert,
			      const char *name, const char *trust)
{
	const struct xs_tls_error_row *row =
		find_row(xs_tls_error_certificates, code);
	char sentence[XS_ERROR_TEXT_MAX];
	struct xs_tls_text text = { sentence, sizeof(sentence) };

	xs_tls_add(&text, "certificate ");
	if (cert) {
		xs_tls_add(&text, "of ");
		add_subject(&text, X509_get_subject_name(cert));
		xs_tls_add(&text, " ");
	}
	if (row) {
		xs_tls_add(&text, "%s", row->cause);
		if (cert)
			add_certificate_cause(&text, row->detail, cert, name);
		xs_tls_add(&text, " (%s", row->remedy);
		add_certificate_remedy(&text, row->detail, trust);
		xs_tls_add(&text, ")");
	} else {
		xs_tls_add(&text,
			   "is refused: %s (the server needs another one)",
			   X509_verify_cert_error_string(code));
	}
	xs_error_set(err, XS_ERR_CERTIFICATE, 0, "%s", sentence);
}

/* What the server said instead of TLS, when a person can read it. */
static void add_heard(struct xs_tls_text *text,
		      const struct xs_tls_early *early)
{
	size_t len = 0;

	while (len < early->first_len && early->first[len] >= ' ' &&
	       early->first[len] < 0x7f)
		len++;
	if (len < 3)
		return;
	xs_tls_add(text, ": it said \"");
	xs_tls_add_foreign(text, early->first, len, sizeof(early->first));
	xs_tls_add(text, "\"");
}

/* Alerts come as reasons of their own, from SSL_AD_REASON_OFFSET up. */
static const struct xs_tls_error_row *find_alert(int reason)
{
	if (reason < SSL_AD_REASON_OFFSET)
		return NULL;
	return find_row(xs_tls_error_alerts, reason - SSL_AD_REASON_OFFSET);
}

/* These alerts mean many things; if a certificate was asked for and not
 * sent, they mean that. */
static void add_remedy(struct xs_tls_text *text,
		       const struct xs_tls_error_row *alert,
		       const struct xs_tls *tls)
{
	if (tls->wants_certificate && alert->detail == XS_DETAIL_CLIENT)
		xs_tls_add_client_remedy(text, tls);
	else
		xs_tls_add(text, "%s", alert->remedy);
}

static void add_reason(struct xs_tls_text *text, unsigned long code)
{
	const char *reason = ERR_reason_error_string(code);

	if (reason)
		xs_tls_add(text, "%s", reason);
	else
		xs_tls_add(text, "OpenSSL error %#lx", code);
}

/* What OpenSSL says of a failure, and our words for it, if there are any. */
struct said {
	unsigned long code; /* 0: nothing */
	const struct xs_tls_error_row *alert, *row;
};

static struct said words_for(unsigned long code)
{
	struct said said = { .code = code };

	if (ERR_GET_LIB(code) != ERR_LIB_SSL)
		return said;
	said.alert = find_alert(ERR_GET_REASON(code));
	said.row = find_row(xs_tls_error_reasons, ERR_GET_REASON(code));
	return said;
}

/* Takes entries from OpenSSL's queue: the first that has words, or else the
 * first of all.  What libssl asks of libcrypto may have an entry of its own in
 * front: since OpenSSL 3.2 nobody knows how safe a Diffie-Hellman group of 512
 * bits is, and then libssl says that it is too small. */
static struct said take_said(void)
{
	struct said first = { .code = 0 };
	unsigned long code;

	while ((code = ERR_get_error())) {
		struct said said = words_for(code);

		if (said.alert || said.row)
			return said;
		if (!first.code)
			first = said;
	}
	return first;
}

void xs_tls_error_handshake(struct xs_error *err, const struct xs_tls *tls,
			    int ssl_error)
{
	const struct xs_tls_early *early = tls->early;
	struct said said = take_said();
	char sentence[XS_ERROR_TEXT_MAX];
	struct xs_tls_text text = { sentence, sizeof(sentence) };

	if (xs_error_is_set(&early->refused)) {
		xs_error_set(err, early->refused.kind, early->refused.errnum,
			     "%s", early->refused.text);
		return;
	}
	if (said.alert ? xs_psk_error_alert(tls, said.alert, err)
		       : !said.code && xs_psk_error_end(tls, err))
		return;
	if (said.alert) {
		xs_tls_add(&text,
			   "the server refused the TLS handshake: alert %s (",
			   said.alert->cause);
		add_remedy(&text, said.alert, tls);
		xs_tls_add(&text, ")");
	} else if (said.row) {
		xs_tls_add(&text, "%s", said.row->cause);
		if (said.row->detail == XS_DETAIL_HEARD)
			add_heard(&text, early);
		xs_tls_add(&text, " (%s)", said.row->remedy);
	} else {
		xs_tls_add(&text, "TLS handshake failed: ");
		if (said.code)
			add_reason(&text, said.code);
		else
			xs_tls_add(&text, "SSL_get_error says %d", ssl_error);
		xs_tls_add(&text, " (the server's log may say more)");
	}
	xs_error_set(err, XS_ERR_PROTOCOL, 0, "%s", sentence);
}

/* What fits into the first segment of a TCP connection, nearly everywhere.
 * Some servers and firewalls read no further for a ClientHello. */
enum { SEGMENT = 1400, LONG_ALPN = 500 };

void xs_tls_explain_silence(const struct xs_tls *tls, struct xs_error *err)
{
	const struct xs_tls_early *early = tls ? tls->early : NULL;
	size_t len = strlen(err->text);
	const char *alpn;

	if (!early || early->received || early->sent <= SEGMENT || !len)
		return;
	alpn = xs_tls_context_options(tls->context)->alpn_protocols;
	/* Within the brackets in which the sentence ends. */
	if (err->text[len - 1] == ')')
		len--;
	snprintf(err->text + len, sizeof(err->text) - len,
		 "%s ClientHello of %zu bytes may be too long for it or for a "
		 "firewall: try groups=X25519%s)",
		 err->text[len - 1] == '?' ? " A" : "; a", early->sent,
		 alpn && strlen(alpn) > LONG_ALPN
			 ? ", or a shorter alpn_protocols"
			 : "");
}

void xs_tls_handshake_cut(const struct xs_tls *tls, struct xs_error *err)
{
	if (xs_psk_error_end(tls, err))
		return;
	if (tls->early && !tls->early->received)
		xs_error_set(err, XS_ERR_PROTOCOL, 0,
			     "the server closed the connection when TLS began "
			     "(does it speak TLS on this port? its log may "
			     "say why)");
	else
		xs_error_set(err, XS_ERR_PROTOCOL, 0,
			     "the server closed the connection in the middle "
			     "of the TLS handshake (its log may say why)");
	xs_tls_explain_silence(tls, err);
}

static const char refused_renegotiation[] =
	"the server asked for a renegotiation, did not get it and ended the "
	"connection (if it may have one, add renegotiation=yes to the rule; "
	"mostly it wants a client certificate by it: local_cert=FILE)";

static const char refused_by_dtls[] =
	"the server asked for a renegotiation, did not get it and ended the "
	"association (datagrams have none; mostly it wants a client "
	"certificate by it: local_cert=FILE)";

const char *xs_tls_explain_end(struct xs_tls *tls)
{
	bool wanted = tls->wants_renegotiation;

	tls->wants_renegotiation = false;
	return wanted ? refused_renegotiation : NULL;
}

void xs_tls_error_open(struct xs_error *err, const struct xs_tls *tls,
		       int ssl_error)
{
	unsigned long code = ERR_peek_error();
	const struct xs_tls_error_row *alert = NULL;
	char sentence[XS_ERROR_TEXT_MAX];
	struct xs_tls_text text = { sentence, sizeof(sentence) };

	if (tls->later && xs_error_is_set(&tls->later->refused)) {
		*err = tls->later->refused;
		return;
	}
	if (ERR_GET_LIB(code) == ERR_LIB_SSL)
		alert = find_alert(ERR_GET_REASON(code));
	if (alert && tls->wants_renegotiation) {
		xs_tls_add(&text, "%s",
			   SSL_is_dtls(tls->ssl) ? refused_by_dtls
						 : refused_renegotiation);
	} else if (alert) {
		xs_tls_add(&text, "the server ended TLS with alert %s (",
			   alert->cause);
		add_remedy(&text, alert, tls);
		xs_tls_add(&text, ")");
	} else {
		xs_tls_add(&text, "TLS failed: ");
		if (code)
			add_reason(&text, code);
		else
			xs_tls_add(&text, "SSL_get_error says %d", ssl_error);
		xs_tls_add(&text, " (the server's log may say more)");
	}
	xs_error_set(err, XS_ERR_PROTOCOL, 0, "%s", sentence);
}

/* Why a file cannot be opened is what libc said first; otherwise the last entry
 * says most. */
static void add_setup_reason(struct xs_tls_text *text)
{
	unsigned long first = ERR_peek_error(), last = ERR_peek_last_error();

	if (!first)
		return;
	xs_tls_add(text, ": ");
	if (ERR_SYSTEM_ERROR(first))
		xs_tls_add(text, "%s", strerror(ERR_GET_REASON(first)));
	else
		add_reason(text, last);
}

void xs_tls_error_setup(struct xs_error *err, const char *what)
{
	char sentence[XS_ERROR_TEXT_MAX];
	struct xs_tls_text text = { sentence, sizeof(sentence) };

	xs_tls_add(&text, "%s", what);
	add_setup_reason(&text);
	xs_error_set(err, XS_ERR_RULES, 0, "%s", sentence);
}
