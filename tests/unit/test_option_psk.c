/* Tests: shim/base/option_check.c, option_value.c; shim/rules/rules.c.
 *
 * A pre-shared key: what goes with it, what contradicts it. */
#include "rule_text.h"

#define KEY "psk_identity=me&psk_file=/etc/passwd"

Test(option_psk, every_scheme_with_tls_has_it)
{
	static const char *const rules[] = {
		"udp://*=dtls://?" KEY,	   "udp://*=dtlsv1.2://?" KEY,
		"*=tls://?" KEY,	   "*=tlsv1.3://?" KEY,
		"*=smtp+starttls://?" KEY, "*=starttls://?" KEY,
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		cr_expect_str_eq(good_under(rules[i], NULL)->options_text, KEY,
				 "%s", rules[i]);
	bad("*=tcp://?" KEY, "does not belong to \"tcp\"");
}

Test(option_psk, identity_is_any_name)
{
	char text[400] = "*=tls://?psk_file=/etc/passwd&psk_identity=";
	size_t len = strlen(text);
	const struct xs_rule *rule = good_under("*=tls://?psk_file=/etc/passwd&"
						"psk_identity=a%20b:%c3%a4%25",
						NULL);

	cr_expect_str_eq(rule->options.psk_identity, "a b:\xc3\xa4%");
	memset(text + len, 'x', 256);
	good_under(text, NULL);
	text[len + 256] = 'x';
	bad(text, "option \"psk_identity\" takes a name of 1 to 256 bytes");
}

Test(option_psk, neither_without_the_other)
{
	bad("*=tls://?psk_identity=me",
	    "XSOCK_RULES:1:10: option \"psk_identity\" needs the key, too: "
	    "psk_file=FILE");
	bad("*=tls://?psk_file=/etc/passwd",
	    "needs whose key in it is meant: psk_identity=NAME");
	bad("*=tls://?psk_identity=me&psk_file=/no-such-file",
	    "psk_file \"/no-such-file\" cannot be read: No such file");
	bad("*=tls://?psk_identity=me&psk_file=/etc",
	    "psk_file \"/etc\" cannot be read: Is a directory");
	/* One of them for all rules, the other in one. */
	good_under("*=tls://?psk_identity=me", "psk_file=/etc/passwd&"
					       "psk_identity=another");
}

Test(option_psk, certificates_contradict_it)
{
	static const char *const others[] = {
		"verify_peer=0",
		"verify_peer=1",
		"verify_peer_name=0",
		"peer_name=a.example",
		"allow_self_signed=1",
		"cafile=/etc/passwd",
		"capath=/",
		"local_cert=/etc/passwd",
		"local_cert=/etc/passwd&local_pk=/etc/passwd",
		"verify_depth=3",
		"peer_fingerprint=sha256:"
		"00112233445566778899aabbccddeeff"
		"00112233445566778899aabbccddeeff",
		"crlfile=/etc/passwd",
		"capture_peer_cert_chain=/tmp/chain.pem",
	};
	char text[400], words[100];

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		snprintf(text, sizeof(text), "udp://*=dtls://?" KEY "&%s",
			 others[i]);
		snprintf(words, sizeof(words),
			 "option \"%.*s\" is about certificates, and with "
			 "psk_file a key proves who the server is",
			 (int)strcspn(others[i], "="), others[i]);
		bad(text, words);
		/* Of all rules, the others have it. */
		cr_expect_str_eq(good_under("udp://*=dtls://?" KEY, others[i])
					 ->options_text,
				 KEY);
		/* Where all have a key, none has a certificate. */
		snprintf(text, sizeof(text), "udp://*=dtls://?%s", others[i]);
		bad_under(text, KEY, words);
	}
}

Test(option_psk, what_all_rules_do_not_verify_is_verified)
{
	const struct xs_rule *rule =
		good_under("*=tls://?" KEY, "verify_peer=0&verify_peer_name=0");

	cr_expect(rule->options.verify_peer);
	cr_expect(rule->options.verify_peer_name);
}

Test(option_psk, versions)
{
	bad("udp://*=dtls://?" KEY "&max_version=1.1",
	    "option \"psk_file\" offers ciphers of TLS 1.2 and later, which "
	    "are not allowed");
	bad("*=tlsv1.1://?" KEY, "which are not allowed");
	good_under("*=tlsv1.1://?" KEY "&ciphers=PSK-AES128-CBC-SHA", NULL);
}
