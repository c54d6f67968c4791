/* One thread for each case that has a server, one connection after the other:
 * the runner asks nothing else.
 *
 * FOLDER/WHO.ports gets "NAME PORT" for each, when all listen.  FOLDER/NAME.log
 * gets a line for each event; FOLDER/NAME.data what the client sent as
 * application data, which is nothing at all where it is to refuse.
 */

struct service {
	const struct row *row;
	void *state; /* of the program */
	int fd, log, data;
};

static void serve(struct service *s, int fd);

static void __attribute__((format(printf, 2, 3)))
note(const struct service *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vdprintf(s->log, format, args);
	va_end(args);
}

static void *service_main(void *argument)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	struct service *s = argument;

	for (;;) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			   sizeof(patience));
		note(s, "accepted\n");
		serve(s, fd);
		close(fd);
	}
	return NULL;
}

/* Returns the port. */
static int listen_on_loopback(struct service *s)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_addr = in6addr_loopback };
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool is_six = word(s->row->server, "ipv6");
	struct sockaddr *any = is_six ? (void *)&six : (void *)&four;
	socklen_t len = is_six ? sizeof(six) : sizeof(four);

	s->fd = socket(any->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, any, len) < 0 || listen(s->fd, 16) < 0 ||
	    getsockname(s->fd, any, &len) < 0)
		return -1;
	return ntohs(is_six ? six.sin6_port : four.sin_port);
}

static int open_log(const char *name, const char *kind)
{
	int fd = open(path_of(name, kind),
		      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		die(name);
	return fd;
}

/* Without IPv6, what wants it does not listen, and has no port. */
static void start_service(const struct row *row, void *state, FILE *ports)
{
	struct service *s = calloc(1, sizeof(*s));
	pthread_t thread;
	int port;

	if (!s)
		die("calloc");
	s->row = row;
	s->state = state;
	s->log = open_log(row->name, "log");
	s->data = open_log(row->name, "data");
	port = listen_on_loopback(s);
	if (port < 0 && word(row->server, "ipv6"))
		return;
	if (port < 0 || pthread_create(&thread, NULL, service_main, s) != 0)
		die(row->name);
	fprintf(ports, "%s %d\n", row->name, port);
}

/* Starts what begin gives a state for, and never returns. */
static void __attribute__((noreturn))
serve_all(const char *who, void *(*begin)(const struct row *row))
{
	char *final = strdup(path_of(who, "ports"));
	char *path = strdup(path_of(who, "ports.new"));
	FILE *ports = fopen(path, "we");

	if (!ports)
		die(path);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < row_count; i++) {
		void *state = NULL;

		if (strcmp(rows[i].kind, "case") == 0)
			state = begin(&rows[i]);
		if (state)
			start_service(&rows[i], state, ports);
	}
	if (fclose(ports) != 0 || rename(path, final) < 0)
		die(final);
	for (;;)
		pause();
}
