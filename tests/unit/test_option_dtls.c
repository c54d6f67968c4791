/* Tests: shim/base/option.c, option_check.c, option_value.c.
 *
 * The options of rules for datagrams: those of TLS that make sense, those that
 * do not, and those that only DTLS has. */
#include "rule_text.h"

/* The options of dtls:// as they are written, and canonical. */
static void means(const char *options, const char *canonical)
{
	char text[300];

	snprintf(text, sizeof(text), "udp://*=dtls://?%s", options);
	cr_expect_str_eq(good(text)->options_text, canonical, "%s", text);
}

Test(option_dtls, those_of_tls_that_make_sense)
{
	static const char *const same[] = {
		"verify_peer=0",
		"verify_peer_name=0",
		"peer_name=a.example",
		"allow_self_signed=1",
		"cafile=/etc/passwd",
		"capath=/",
		"local_cert=/etc/passwd&local_pk=/etc/passwd",
		"verify_depth=3",
		"ciphers=PSK",
		"groups=X25519",
		"security_level=0",
		"min_version=1.2",
		"max_version=1.1",
		"SNI_enabled=0",
		"alpn_protocols=coap",
		"peer_fingerprint=sha256:"
		"00112233445566778899aabbccddeeff"
		"00112233445566778899aabbccddeeff",
		"crlfile=/etc/passwd",
		"session_reuse=0",
		"timeout=5",
		"capture_peer_cert_chain=/tmp/chain.pem",
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		means(same[i], same[i]);
}

Test(option_dtls, those_that_make_no_sense_with_datagrams)
{
	static const char *const stream[] = {
		"ciphersuites=TLS_AES_128_GCM_SHA256",
		"disable_compression=0",
		"renegotiation=1",
		"half_close=0",
		"own_socket=1",
	};
	char text[100], words[100];

	for (size_t i = 0; i < sizeof(stream) / sizeof(stream[0]); i++) {
		snprintf(text, sizeof(text), "udp://*=dtls://?%s", stream[i]);
		snprintf(words, sizeof(words),
			 "option \"%.*s\" does not belong to \"dtls\": it is "
			 "for TLS over TCP",
			 (int)strcspn(stream[i], "="), stream[i]);
		bad(text, words);
		/* For all rules, it concerns the others. */
		cr_expect_str_eq(
			good_under("udp://*=dtls://", stream[i])->options_text,
			"");
	}
	bad("udp://*=dtls://?connect=early", "does not belong to \"dtls\"");
	bad("udp://*=dtls://?starttls=optional", "does not belong to");
	bad("udp://*=dtls://?ftp_data=control", "does not belong to \"dtls\"");
	bad("udp://*=dtls://?relay=1",
	    "does not belong to \"dtls\": it is for tcp:// and udp://");
}

Test(option_dtls, plain_datagrams_have_the_relay_alone)
{
	cr_assert(good("udp://*=udp://?relay=yes")->options.relay);
	cr_assert_not(good("udp://*=udp://")->options.relay);
	bad("udp://*=udp://?verify_peer=1", "does not belong to \"udp\"");
	bad("udp://*=udp://?timeout=1", "does not belong to \"udp\"");
	bad("udp://*=udp://?mtu=1200", "it is for dtls://");
	bad("udp://*=deny://?idle=1", "it is for dtls://");
}

Test(option_dtls, streams_have_neither_mtu_nor_idle)
{
	bad("*=tls://?mtu=1200",
	    "option \"mtu\" does not belong to \"tls\": it is for dtls://");
	bad("*=tls://?idle=60", "option \"idle\" does not belong to \"tls\"");
	cr_assert_str_eq(
		good_under("*=tls://", "mtu=1200&idle=60")->options_text, "");
	cr_assert_str_eq(good_under("udp://*=dtlsv1.2://", "mtu=1200&idle=60")
				 ->options_text,
			 "mtu=1200&idle=60");
}

Test(option_dtls, mtu)
{
	cr_assert_eq(good("udp://*=dtls://")->options.mtu, 0);
	cr_assert_eq(good("udp://*=dtls://?mtu=1400")->options.mtu, 1400);
	means("mtu=508", "mtu=508");
	means("mtu=16384", "mtu=16384");
	bad("udp://*=dtls://?mtu=507",
	    "XSOCK_RULES:1:21: option \"mtu\" takes a number from 508 to 16384,"
	    " not \"507\"");
	bad("udp://*=dtls://?mtu=16385", "from 508 to 16384");
	bad("udp://*=dtls://?mtu=0", "from 508 to 16384");
	bad("udp://*=dtls://?mtu=-1", "from 508 to 16384");
	bad("udp://*=dtls://?mtu=1200b", "not \"1200b\"");
	bad("udp://*=dtls://?mtu=", "has no value: mtu=BYTES");
}

Test(option_dtls, idle)
{
	cr_assert_eq(good("udp://*=dtls://")->options.idle, 100);
	cr_assert_eq(good("udp://*=udp://")->options.idle, 100);
	cr_assert_eq(good("udp://*=dtls://?idle=0.5")->options.idle, 0.5);
	means("idle=100", "");
	means("idle=300", "idle=300");
	means("idle=86400", "idle=86400");
	bad("udp://*=dtls://?idle=0", "seconds from 0.001 to 86400");
	bad("udp://*=dtls://?idle=never", "seconds such as");
}

/* DTLS 1.2 is that of TLS 1.2, DTLS 1.0 that of TLS 1.1. */
Test(option_dtls, versions)
{
	means("min_version=1.0&max_version=1.3",
	      "min_version=1.0&max_version=1.3");
	means("min_version=1.2&max_version=1.2",
	      "min_version=1.2&max_version=1.2");
	bad("udp://*=dtls://?min_version=1.3",
	    "XSOCK_RULES:1:17: option \"min_version\" leaves no version: the "
	    "newest DTLS is 1.2");
	bad("udp://*=dtls://?max_version=1.0",
	    "option \"max_version\" leaves no version: the oldest DTLS is 1.0");
	bad_under("udp://*=dtls://", "min_version=1.3",
		  "option \"min_version\" of XSOCK_OPTIONS leaves no version");
	good_under("udp://*=dtls://?min_version=1.2", "min_version=1.3");
	good_under("udp://*=udp://", "min_version=1.3");
	bad("udp://*=dtlsv1.2://?max_version=1.1",
	    "excludes what dtlsv1.2:// means");
#ifndef XS_NO_DTLS1
	bad("udp://*=dtlsv1.0://?min_version=1.2",
	    "excludes what dtlsv1.0:// means");
	good("udp://*=dtlsv1.0://?min_version=1.1");
#endif
}
