/* Tests: tools/relay/connection/loader.c, tls/tls_local.c and tls_reading.c,
 * behind a real relay.
 *
 * Files on a file system that does not answer: nobody but who needs them waits,
 * and for no longer than the rule says. */
#include "authority.h"
#include "client.h"

#include <dirent.h>

enum { NEIGHBOURS = 6, THREADS = 8 };

/* Who is held up is so as long as the folder is dead.  A busy machine needs a
 * second or two for an echo of each neighbour. */
enum { SLOWEST_S = 8 };

/* A relay, connections of other programs that it serves, and a folder that can
 * be dead. */
struct scene {
	struct relay relay;
	struct server *server;
	struct wrapped neighbour[NEIGHBOURS];
	struct folder folder;
	char dead[80];
	char hashed[20];
	double slowest; /* echo of a neighbour */
};

static struct scene *now;

/* build/tests/relay/NAME → build/tests/relay/plugins/dead_files.so */
static void preload(void)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		_exit(98);
	snprintf(slash, sizeof(path) - (size_t)(slash - path),
		 "/plugins/dead_files.so");
	setenv("LD_PRELOAD", path, 1);
	setenv("XSOCK_TEST_DEAD", now->folder.path, 1);
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
}

static void die(const struct scene *s)
{
	close(open(s->dead, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void mend(const struct scene *s)
{
	unlink(s->dead);
}

static void write_files(struct scene *s)
{
	struct party ca = party_make("other CA", NULL, NULL);
	struct party own = party_make("own", "DNS:localhost", &ca);
	X509 *const chain[] = { own.cert, NULL };
	X509 *trusted[] = { NULL, NULL };
	char path[100];
	FILE *file;

	write_pem(&s->folder, "own.pem", own.key, NULL, chain);
	write_crl(&s->folder, "list.pem", &ca, NULL);
	fclose(fopen(in_folder(&s->folder, "conf"), "w"));
	/* The server's own. */
	snprintf(path, sizeof(path), "%s/ca.pem", s->server->folder);
	file = fopen(path, "r");
	trusted[0] = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	cr_assert(trusted[0]);
	snprintf(s->hashed, sizeof(s->hashed), "%08lx.0",
		 X509_NAME_hash_ex(X509_get_subject_name(trusted[0]), NULL,
				   NULL, NULL));
	write_pem(&s->folder, "ca.pem", NULL, NULL, trusted);
	write_pem(&s->folder, s->hashed, NULL, NULL, trusted);
	X509_free(trusted[0]);
	party_free(&ca);
	party_free(&own);
}

/* Enough of them that each worker has one. */
static struct scene *begin(const char *idle)
{
	static struct scene s;
	struct xs_wire verdict;

	now = &s;
	s.server = server_start("DNS:localhost", serve_echo);
	s.folder = folder_make();
	snprintf(s.dead, sizeof(s.dead), "%s.dead", s.folder.path);
	write_files(&s);
	relay_before = preload;
	s.relay = relay_start(idle);
	for (int i = 0; i < NEIGHBOURS; i++)
		cr_assert_eq(wrap_open(&s.neighbour[i], &s.relay,
				       s.server->port, s.server->cafile,
				       &verdict),
			     0, "%s", verdict.string[XS_WIRE_SENTENCE]);
	return &s;
}

static void echo(struct scene *s)
{
	double began = seconds_now(), took;
	char byte;

	for (int i = 0; i < NEIGHBOURS; i++) {
		cr_assert_eq(send(s->neighbour[i].end[0], "e", 1, MSG_NOSIGNAL),
			     1);
		cr_assert_eq(recv(s->neighbour[i].end[0], &byte, 1, 0), 1);
	}
	took = seconds_now() - began;
	if (took > s->slowest)
		s->slowest = took;
}

/* The neighbours go on, and another rule is new, which reads files, too. */
static void go_on(struct scene *s)
{
	static int number;
	struct wrapped other;
	struct xs_wire verdict;
	char options[200];

	snprintf(options, sizeof(options), "%s&verify_depth=%d",
		 s->server->cafile, 10 + number++);
	for (int i = 0; i < 20; i++)
		echo(s);
	cr_assert_eq(wrap_open(&other, &s->relay, s->server->port, options,
			       &verdict),
		     0, "another rule: %s", verdict.string[XS_WIRE_SENTENCE]);
	wrap_close(&other);
	echo(s);
	cr_assert_lt(s->slowest, SLOWEST_S, "a neighbour waited %.1f s",
		     s->slowest);
}

static void end_neighbours(struct scene *s)
{
	for (int i = 0; i < NEIGHBOURS; i++)
		wrap_close(&s->neighbour[i]);
}

static void end(struct scene *s)
{
	end_neighbours(s);
	cr_assert_eq(relay_wait(&s->relay, 20), 0);
	server_end(s->server);
	mend(s);
	folder_end(&s->folder);
}

/* The rest of the program is what a rule, or the environment of a program,
 * says about the file in the folder. */
struct naming {
	const char *file;
	const char *option; /* with the path behind it; or NULL */
	int string;	    /* of the request, instead */
	bool works;	    /* the server is accepted with it */
};

static const struct naming namings[] = {
	{ "ca.pem", "cafile=", 0, true },
	{ "", "capath=", 0, true },
	{ "own.pem", "local_cert=", 0, true },
	{ "list.pem", "crlfile=", 0, false },
	{ "ca.pem", NULL, XS_WIRE_CERT_FILE, true },
	{ "", NULL, XS_WIRE_CERT_DIR, true },
	{ "conf", NULL, XS_WIRE_OPENSSL_CONF, true },
	{ "keys", NULL, XS_WIRE_KEYLOG_FILE, true },
	{ "chain", "capture_peer_cert_chain=", 0, true },
};
enum { NAMINGS = sizeof(namings) / sizeof(*namings) };

/* A connect whose rule names the file; options has 400 bytes. */
static struct wrapped prepare(const struct scene *s,
			      const struct naming *naming, double timeout,
			      char *options)
{
	const char *path = *naming->file ? in_folder(&s->folder, naming->file)
					 : s->folder.path;
	bool trusts = naming->option
			      ? strncmp(naming->option, "ca", 2) == 0 &&
					naming->option[3] != 't'
			      : naming->string == XS_WIRE_CERT_FILE ||
					naming->string == XS_WIRE_CERT_DIR;
	struct wrapped w;

	snprintf(options, 400, "%s%s%s%s%s%stimeout=%g",
		 trusts ? "" : s->server->cafile, trusts ? "" : "&",
		 naming->option ? naming->option : "",
		 naming->option ? path : "", naming->option ? "&" : "", "",
		 timeout);
	w = wrap_prepare(s->server->port, options);
	if (!naming->option)
		w.request.string[naming->string] = path;
	return w;
}

static void expect_late(struct wrapped *w, double began, double timeout,
			const char *words)
{
	struct xs_wire verdict;
	double took;

	cr_assert_eq(wrap_verdict(w, &verdict), ETIMEDOUT, "%s: %s", words,
		     verdict.string[XS_WIRE_SENTENCE]);
	took = seconds_now() - began;
	cr_assert(took > timeout - 0.1 && took < timeout + SLOWEST_S,
		  "%s: %.1f s", words, took);
	cr_assert(strstr(verdict.string[XS_WIRE_SENTENCE], words), "%s: %s",
		  words, verdict.string[XS_WIRE_SENTENCE]);
	cr_assert(strstr(verdict.string[XS_WIRE_SENTENCE], "answer"));
}

/* The file is dead from the beginning (cold), or after a connect (warm). */
static void dies(struct scene *s, const struct naming *naming, bool cold)
{
	const double timeout = 4; /* a sanitizer is slow */
	char options[400];
	const char *path = in_folder(&s->folder, naming->file);
	struct wrapped w;
	struct xs_wire verdict;
	double began;

	for (int round = cold ? 1 : 0; round < 3; round++) {
		w = prepare(s, naming, timeout, options);
		if (round == 1)
			die(s);
		began = seconds_now();
		wrap_send(&w, &s->relay);
		if (round == 1) {
			go_on(s);
			expect_late(&w, began, timeout,
				    *naming->file ? path : s->folder.path);
			mend(s);
		} else if (naming->works) {
			cr_assert_eq(wrap_verdict(&w, &verdict), 0, "%s: %s",
				     path, verdict.string[XS_WIRE_SENTENCE]);
		} else {
			cr_assert_neq(wrap_verdict(&w, &verdict), ETIMEDOUT);
		}
		wrap_close(&w);
	}
}

Test(relay_files, dead_at_first, .timeout = 200)
{
	struct scene *s = begin("1");

	for (int i = 0; i < NAMINGS; i++)
		dies(s, &namings[i], true);
	end(s);
}

/* The look whether a file has changed waits, too. */
Test(relay_files, dead_later, .timeout = 200)
{
	struct scene *s = begin("1");

	for (int i = 0; i < NAMINGS; i++)
		dies(s, &namings[i], false);
	end(s);
}

static int count_threads(const struct scene *s)
{
	char path[40];
	struct dirent *entry;
	int count = 0;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)s->relay.pid);
	folder = opendir(path);
	cr_assert(folder);
	while ((entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

/* Many connects of one rule take one thread, and many rules not more than there
 * are. */
Test(relay_files, no_more_threads, .timeout = 60)
{
	enum { SAME = 20, RULES = 12 };
	struct scene *s = begin("1");
	struct wrapped same[SAME], other[RULES];
	struct xs_wire verdict;
	char options[SAME + RULES][400];
	int before = count_threads(s), all = 0;
	double began = seconds_now();
	bool told = false;

	die(s);
	for (int i = 0; i < SAME; i++) {
		same[i] = prepare(s, &namings[0], 2, options[i]);
		wrap_send(&same[i], &s->relay);
	}
	go_on(s);
	cr_assert_leq(count_threads(s), before + 2, "one, and the other rule");
	for (int i = 0; i < SAME; i++) {
		expect_late(&same[i], began, 2, s->folder.path);
		wrap_close(&same[i]);
	}
	began = seconds_now();
	for (int i = 0; i < RULES; i++) {
		other[i] = prepare(s, &namings[0], 2.1 + i / 1000.,
				   options[SAME + i]);
		wrap_send(&other[i], &s->relay);
	}
	for (int i = 0; i < 20; i++)
		echo(s);
	for (int i = 0; i < RULES; i++) {
		cr_assert_eq(wrap_verdict(&other[i], &verdict), ETIMEDOUT);
		if (strstr(verdict.string[XS_WIRE_SENTENCE],
			   "all 8 threads of the relay"))
			all++;
		told = told || strstr(verdict.string[XS_WIRE_SENTENCE],
				      in_folder(&s->folder, "ca.pem"));
		wrap_close(&other[i]);
	}
	/* One waits for the rule before. */
	cr_assert_eq(all, RULES - THREADS + 1);
	cr_assert(told);
	cr_assert_leq(count_threads(s), before + THREADS);
	echo(s);
	cr_assert_lt(s->slowest, SLOWEST_S, "a neighbour waited %.1f s",
		     s->slowest);
	mend(s);
	go_on(s);
	same[0] = prepare(s, &namings[0], 2, options[0]);
	wrap_send(&same[0], &s->relay);
	cr_assert_eq(wrap_verdict(&same[0], &verdict), 0, "%s",
		     verdict.string[XS_WIRE_SENTENCE]);
	wrap_close(&same[0]);
	end(s);
}

/* Who came while files were read gets what they say now. */
Test(relay_files, changed_meanwhile, .timeout = 60)
{
	struct scene *s = begin("1");
	struct wrapped first, second;
	struct xs_wire verdict;
	char options[2][400];

	die(s);
	first = prepare(s, &namings[0], 20, options[0]);
	wrap_send(&first, &s->relay);
	go_on(s);
	second = prepare(s, &namings[0], 20, options[1]);
	wrap_send(&second, &s->relay);
	go_on(s);
	cr_assert_eq(truncate(in_folder(&s->folder, "ca.pem"), 0), 0);
	mend(s);
	cr_assert_neq(wrap_verdict(&first, &verdict), 0);
	cr_assert_neq(wrap_verdict(&second, &verdict), 0);
	cr_assert(strstr(verdict.string[XS_WIRE_SENTENCE], "no trusted"), "%s",
		  verdict.string[XS_WIRE_SENTENCE]);
	wrap_close(&first);
	wrap_close(&second);
	end(s);
}

/* It need not wait for a thread that cannot be ended: when it has been idle,
 * and when it is told to leave. */
static void leaves(int signal)
{
	struct scene *s = begin(signal ? "1000" : "0");
	char options[400];
	double began = seconds_now();
	struct wrapped w;

	die(s);
	w = prepare(s, &namings[0], 1, options);
	wrap_send(&w, &s->relay);
	end_neighbours(s);
	if (signal)
		kill(s->relay.pid, signal);
	expect_late(&w, began, 1, s->folder.path);
	wrap_close(&w);
	cr_assert_eq(relay_wait(&s->relay, 5), 0);
	mend(s);
	server_end(s->server);
	folder_end(&s->folder);
}

Test(relay_files, leaves_when_idle, .timeout = 60)
{
	leaves(0);
}

Test(relay_files, leaves_by_signal, .timeout = 60)
{
	leaves(SIGTERM);
}

/* The application does not wait any more: nothing is left. */
Test(relay_files, nobody_waits, .timeout = 60)
{
	struct scene *s = begin("0");
	char options[400];
	struct wrapped w;

	die(s);
	for (int i = 0; i < 30; i++) {
		w = prepare(s, &namings[0], 60, options);
		wrap_send(&w, &s->relay);
		wrap_close(&w);
	}
	go_on(s);
	end_neighbours(s);
	cr_assert_eq(relay_wait(&s->relay, 20), 0);
	mend(s);
	server_end(s->server);
	folder_end(&s->folder);
}

/* A thread that has used a configuration, which has changed since, ends: one
 * that reads files when there is nothing to do, a worker with the relay. */
Test(relay_files, threads_outlive_a_configuration, .timeout = 60)
{
	enum { ROUNDS = 4, AT_ONCE = 4, IDLE_SECONDS = 10 };
	struct server *server = server_start("DNS:localhost", serve_echo);
	struct relay relay = relay_start("1000");
	struct folder folder = folder_make();
	struct wrapped neighbour, w[AT_ONCE];
	struct xs_wire verdict;
	char conf[200], byte;

	snprintf(conf, sizeof(conf), "%s", in_folder(&folder, "conf"));
	cr_assert_eq(wrap_open(&neighbour, &relay, server->port, server->cafile,
			       &verdict),
		     0);
	for (int i = 0; i < ROUNDS; i++) {
		FILE *file = fopen(conf, "w");

		cr_assert(file);
		fprintf(file, "# %*d\n", i + 1, i);
		fclose(file);
		for (int at = 0; at < AT_ONCE; at++) {
			w[at] = wrap_prepare(server->port, server->cafile);
			w[at].request.string[XS_WIRE_OPENSSL_CONF] = conf;
			wrap_send(&w[at], &relay);
		}
		for (int at = 0; at < AT_ONCE; at++)
			cr_assert_eq(wrap_verdict(&w[at], &verdict), 0, "%s",
				     verdict.string[XS_WIRE_SENTENCE]);
		for (int at = 0; at < AT_ONCE; at++)
			wrap_close(&w[at]);
		usleep(200000);
	}
	sleep(IDLE_SECONDS + 1);
	cr_assert_eq(send(neighbour.end[0], "n", 1, MSG_NOSIGNAL), 1);
	cr_assert_eq(recv(neighbour.end[0], &byte, 1, 0), 1,
		     "the relay is gone");
	wrap_close(&neighbour);
	kill(relay.pid, SIGTERM);
	cr_assert_eq(relay_wait(&relay, 20), 0);
	server_end(server);
	folder_end(&folder);
}
