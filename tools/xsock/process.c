/* Processes and their connections; see process.h. */
#include "xsock/process.h"

#include "base/mapping.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *open_of(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* --- the process ---------------------------------------------------------- */

void xs_process_make_printable(char *text)
{
	const char *from = text;

	while (*from) {
		size_t control = xs_control_len(from);

		*text++ = control ? '?' : *from;
		from += control ? control : 1;
	}
	*text = '\0';
}

/* "PID (NAME) STATE PARENT GROUP SESSION TERMINAL GROUP FLAGS FAULTS×4 TIMES×4
 * PRIORITY NICE THREADS …"; the name may have any character.  False also for
 * what is left of a process that has ended. */
static bool read_stat(pid_t pid, struct xs_process *process)
{
	FILE *file = open_of(pid, "stat");
	char text[1024], *open, *close, state;
	size_t len;
	int parent, threads;

	if (!file)
		return false;
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close ||
	    sscanf(close + 1,
		   " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
		   "%*d %*d %*d %d",
		   &state, &parent, &threads) != 3)
		return false;
	/* The first thread may end before the others. */
	if ((state == 'Z' || state == 'X') && threads <= 1)
		return false;
	snprintf(process->name, sizeof(process->name), "%.*s",
		 (int)(close - open - 1), open + 1);
	xs_process_make_printable(process->name);
	process->parent = parent;
	return true;
}

/* Does this line of maps end in the file's name?  Of one that is gone the
 * kernel says so behind the name. */
static bool is_mapping(const char *line, const char *file, bool *deleted)
{
	const char *at = strstr(line, file);

	if (!at)
		return false;
	at += strlen(file);
	*deleted = strcmp(at, " (deleted)\n") == 0;
	return *deleted || *at == '\n';
}

static void read_maps(pid_t pid, struct xs_process *process)
{
	FILE *file = open_of(pid, "maps");
	char *line = NULL;
	size_t size = 0;
	bool deleted;

	process->library = XS_PROCESS_UNKNOWN;
	while (file && getline(&line, &size, file) > 0) {
		/* A kernel thread, or one that has ended, has no memory. */
		if (process->library == XS_PROCESS_UNKNOWN)
			process->library = XS_PROCESS_ABSENT;
		if (is_mapping(line, "/libxsock.so", &deleted))
			process->library = deleted ? XS_PROCESS_REPLACED
						   : XS_PROCESS_LOADED;
		if (is_mapping(line, "/memfd:" XS_MAPPING, &deleted))
			process->active = true;
	}
	free(line);
	if (file)
		fclose(file);
}

static void read_environment(pid_t pid, struct xs_process *process)
{
	static const char rules[] = "XSOCK_RULES=";
	static const char options[] = "XSOCK_OPTIONS=";
	FILE *file = open_of(pid, "environ");
	char *variable = NULL;
	size_t size = 0;

	if (!file)
		return;
	while (getdelim(&variable, &size, '\0', file) > 0) {
		if (strncmp(variable, rules, sizeof(rules) - 1) == 0 &&
		    !process->rules && variable[sizeof(rules) - 1])
			process->rules = strdup(variable + sizeof(rules) - 1);
		if (strncmp(variable, options, sizeof(options) - 1) == 0 &&
		    !process->options)
			process->options =
				strdup(variable + sizeof(options) - 1);
	}
	free(variable);
	fclose(file);
}

static void read_folder(pid_t pid, struct xs_process *process)
{
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	len = readlink(path, process->folder, sizeof(process->folder) - 1);
	process->folder[len > 0 ? len : 0] = '\0';
}

bool xs_process_read(pid_t pid, struct xs_process *process)
{
	memset(process, 0, sizeof(*process));
	process->pid = pid;
	if (!read_stat(pid, process))
		return false;
	read_maps(pid, process);
	read_environment(pid, process);
	read_folder(pid, process);
	if (process->library != XS_PROCESS_UNKNOWN || read_stat(pid, process))
		return true;
	xs_process_free(process); /* it has ended meanwhile */
	return false;
}

void xs_process_free(struct xs_process *process)
{
	free(process->rules);
	free(process->options);
}

size_t xs_process_list(pid_t **list)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	size_t count = 0, room = 0;

	*list = NULL;
	while (folder && (entry = readdir(folder))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (count == room) {
			room = room ? 2 * room : 256;
			*list = reallocarray(*list, room, sizeof(**list));
			if (!*list) {
				count = 0;
				break;
			}
		}
		(*list)[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	if (folder)
		closedir(folder);
	return count;
}

/* --- sockets ------------------------------------------------------------ */

/* A row of /proc/PID/net: a socket that may be a connection. */
struct row {
	unsigned long inode;
	bool is_pair;
	bool is_udp;
	bool is_stand_in;     /* UDP: base/stand_in.h */
	char name[128];	      /* AF_UNIX: of a pair; TCP, UDP: its peer */
	unsigned state, port; /* TCP, UDP: tcp_states.h, and the local port */
};

struct rows {
	struct row *row;
	size_t count, room;
};

static struct row *add_row(struct rows *rows)
{
	if (rows->count == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 64;
		struct row *more = reallocarray(rows->row, room, sizeof(*more));

		if (!more)
			return NULL;
		rows->row = more;
		rows->room = room;
	}
	memset(&rows->row[rows->count], 0, sizeof(*rows->row));
	return &rows->row[rows->count++];
}

/* "…: … … … … … INODE @xsock/…" */
static void read_unix(pid_t pid, struct rows *rows)
{
	FILE *file = open_of(pid, "net/unix");
	char line[512], name[128];
	unsigned long inode;

	while (file && fgets(line, sizeof(line), file)) {
		struct row *row;

		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %lu @xsock/%120s",
			   &inode, name) != 2)
			continue;
		row = add_row(rows);
		if (!row)
			break;
		row->inode = inode;
		row->is_pair = true;
		snprintf(row->name, sizeof(row->name), "%s", name);
	}
	if (file)
		fclose(file);
}

/* Of 127.0.0.0/8, and connected to 127.0.0.1 and its own port. */
static bool is_stand_in(const char *local, const struct row *row)
{
	const uint32_t bits = (uint32_t)strtoul(local, NULL, 16);
	const struct in_addr address = { .s_addr = bits };
	char peer[32];

	snprintf(peer, sizeof(peer), "127.0.0.1:%u", row->port);
	return row->is_udp && strlen(local) == 8 &&
	       ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET &&
	       strcmp(row->name, peer) == 0;
}

/* Eight hexadecimal digits for each 32 bits of an address, in the order of
 * this machine. */
static void format_peer(const char *digits, unsigned port, struct row *row)
{
	const size_t words = strlen(digits) / 8;
	char text[INET6_ADDRSTRLEN] = "?";
	uint32_t bits[4] = { 0 };
	char word[9];

	for (size_t i = 0; i < words && i < 4; i++) {
		memcpy(word, digits + 8 * i, 8);
		word[8] = '\0';
		bits[i] = (uint32_t)strtoul(word, NULL, 16);
	}
	inet_ntop(words == 1 ? AF_INET : AF_INET6, bits, text, sizeof(text));
	snprintf(row->name, sizeof(row->name), words == 1 ? "%s:%u" : "[%s]:%u",
		 text, port);
}

/* Of "net/tcp" or "net/udp", which are alike. */
static void read_internet(pid_t pid, const char *name, bool is_udp,
			  struct rows *rows)
{
	FILE *file = open_of(pid, name);
	char line[512], local[33], peer[33];
	unsigned port, peer_port, state;
	unsigned long inode;

	while (file && fgets(line, sizeof(line), file)) {
		struct row *row;

		if (sscanf(line,
			   "%*u: %32[0-9A-F]:%x %32[0-9A-F]:%x %x %*s %*s %*s "
			   "%*s %*s %lu",
			   local, &port, peer, &peer_port, &state, &inode) != 6)
			continue;
		row = add_row(rows);
		if (!row)
			break;
		row->inode = inode;
		row->state = state;
		row->port = port;
		row->is_udp = is_udp;
		format_peer(peer, peer_port, row);
		row->is_stand_in = is_stand_in(local, row);
	}
	if (file)
		fclose(file);
}

/* The relay's end has the name "ID=…" when the connect has succeeded, and
 * "ID!ERRNO" when it has failed (base/pair.h). */
static const char *state_of_pair(const struct rows *rows, const char *id)
{
	for (size_t i = 0; i < rows->count; i++) {
		const char *name = rows->row[i].name;

		if (!rows->row[i].is_pair || strncmp(name, id, 8) != 0)
			continue;
		if (name[8] == '=')
			return "connected";
		if (name[8] == '!')
			return "failed";
	}
	return "not connected (yet, or any more)";
}

/* "dtls:LIMIT:ASKED" to ASKED, for a pair of datagrams, which is connected at
 * once and stays so (base/pair.h); else NULL. */
static const char *read_datagrams(const char *text, const char **state)
{
	static const struct {
		const char *head, *state;
	} kinds[] = {
		{ "dtls:", "connected, with DTLS" },
		{ "udp:", "connected, without DTLS" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].head);
		const char *asked = strncmp(text, kinds[i].head, len) == 0
					    ? strchr(text + len, ':')
					    : NULL;

		if (!asked)
			continue;
		*state = kinds[i].state;
		return asked + 1;
	}
	return NULL;
}

/* "ID/KEY/ASKED<LOCAL" to ASKED. */
static bool describe_pair(const struct rows *rows, const struct row *row,
			  struct xs_process_connection *connection)
{
	const char *key = strchr(row->name, '/');
	const char *asked = key ? strchr(key + 1, '/') : NULL;
	const char *datagrams;

	if (!asked++)
		return false;
	connection->wrapped = true;
	connection->state = state_of_pair(rows, row->name);
	datagrams = read_datagrams(asked, &connection->state);
	asked = datagrams ? datagrams : asked;
	snprintf(connection->text, sizeof(connection->text), "%s%.*s",
		 datagrams ? "udp://" : "", (int)strcspn(asked, "<"), asked);
	xs_process_make_printable(connection->text);
	return true;
}

static size_t count_stand_ins(const struct rows *rows, unsigned port)
{
	size_t count = 0;

	for (size_t i = 0; i < rows->count; i++)
		if (rows->row[i].is_stand_in && rows->row[i].port == port)
			count++;
	return count;
}

/* One that is not connected counts if it has peers by the relay. */
static bool describe_udp(const struct rows *rows, const struct row *row,
			 struct xs_process_connection *connection)
{
	size_t peers = 0;

	if (row->state == TCP_ESTABLISHED) {
		connection->state = "connected";
		snprintf(connection->text, sizeof(connection->text),
			 "udp://%.*s", (int)sizeof(connection->text) - 8,
			 row->name);
		return true;
	}
	peers = count_stand_ins(rows, row->port);
	connection->wrapped = true;
	connection->state = "not connected";
	snprintf(connection->text, sizeof(connection->text),
		 "udp port %u, %zu wrapped peer%s", row->port, peers,
		 peers == 1 ? "" : "s");
	return peers > 0;
}

static bool is_accepted(const struct rows *rows, const struct row *row)
{
	for (size_t i = 0; i < rows->count; i++)
		if (!rows->row[i].is_pair && rows->row[i].state == TCP_LISTEN &&
		    rows->row[i].port == row->port)
			return true;
	return false;
}

static bool describe_tcp(const struct rows *rows, const struct row *row,
			 struct xs_process_connection *connection)
{
	if (row->state == TCP_LISTEN || row->state == TCP_CLOSE ||
	    is_accepted(rows, row))
		return false;
	connection->wrapped = false;
	snprintf(connection->text, sizeof(connection->text), "%s", row->name);
	connection->state =
		row->state == TCP_SYN_SENT ? "connecting" : "connected";
	return true;
}

static bool describe(const struct rows *rows, const struct row *row,
		     struct xs_process_connection *connection)
{
	if (row->is_pair)
		return describe_pair(rows, row, connection);
	if (row->is_udp)
		return describe_udp(rows, row, connection);
	return describe_tcp(rows, row, connection);
}

static const struct row *find_row(const struct rows *rows, unsigned long inode)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->row[i].inode == inode)
			return &rows->row[i];
	return NULL;
}

static void look_at(int folder, const char *fd, const struct rows *rows,
		    void (*visit)(const struct xs_process_connection *, void *),
		    void *with)
{
	struct xs_process_connection connection = { .fd = (int)strtol(fd, NULL,
								      10) };
	const struct row *row;
	unsigned long inode;
	char target[64];
	ssize_t len = readlinkat(folder, fd, target, sizeof(target) - 1);

	if (len <= 0)
		return;
	target[len] = '\0';
	if (sscanf(target, "socket:[%lu]", &inode) != 1)
		return;
	row = find_row(rows, inode);
	if (row && describe(rows, row, &connection))
		visit(&connection, with);
}

bool xs_process_connections(pid_t pid,
			    void (*visit)(const struct xs_process_connection *,
					  void *),
			    void *with)
{
	struct rows rows = { .row = NULL };
	struct dirent *entry;
	char path[64];
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder)
		return false;
	/* The first row of an inode counts.  A name in net/unix is anybody's,
	 * and may have a newline and another row in it. */
	read_internet(pid, "net/tcp", false, &rows);
	read_internet(pid, "net/tcp6", false, &rows);
	read_internet(pid, "net/udp", true, &rows);
	read_internet(pid, "net/udp6", true, &rows);
	read_unix(pid, &rows);
	while ((entry = readdir(folder)))
		if (isdigit((unsigned char)entry->d_name[0]))
			look_at(dirfd(folder), entry->d_name, &rows, visit,
				with);
	free(rows.row);
	closedir(folder);
	return true;
}
