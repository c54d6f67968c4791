/* Plug-ins that connect: loaded in every way in which they are the program's,
 * and found by the program's RUNPATH. */
#include "victim.h"
#include <dlfcn.h>

typedef int connect_function(const struct sockaddr *to, socklen_t len);

static void load(const char *key, const char *file, int flags)
{
	struct place p = place("127.0.0.1", "ECHO");
	void *plugin = dlopen(file, flags);
	connect_function *plugin_connect;
	int fd;

	if (!plugin) {
		say_text(key, "not loaded");
		return;
	}
	plugin_connect = (connect_function *)dlsym(plugin, "plugin_connect");
	fd = plugin_connect(&p.any, p.len);
	say_ok(key, fd);
	if (fd >= 0) {
		say_names(key, fd);
		say_echo(key, fd, "plugged\n");
	}
	close(fd);
	dlclose(plugin);
}

/* connect as dlsym(3) finds it. */
static void by_dlsym(const char *key, void *handle, const char *name)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int (*function)(int, const struct sockaddr *, socklen_t) =
		(int (*)(int, const struct sockaddr *, socklen_t))dlsym(handle,
									name);

	if (!function) {
		say_text(key, "not found");
		return;
	}
	say(key, function(fd, &p.any, p.len));
	close(fd);
}

int main(void)
{
	void *constructor;

	by_dlsym("connect by dlsym", RTLD_DEFAULT, "connect");
	by_dlsym("__connect by dlsym", RTLD_DEFAULT, "__connect");
	/* libasan's dlopen is the caller of libc's, and stops the program when
	 * it sees RTLD_DEEPBIND. */
	if (sanitized())
		return 0;
	load("now", "plugin.so", RTLD_NOW);
	load("lazy, global", "plugin.so", RTLD_LAZY | RTLD_GLOBAL);
	load("deepbind", "plugin.so", RTLD_NOW | RTLD_DEEPBIND);
	load("lazy, deepbind", "plugin.so", RTLD_LAZY | RTLD_DEEPBIND);
	load("unknown", "no-such-plugin.so", RTLD_NOW);
	say_text("error", "%s",
		 strstr(dlerror(), "no-such-plugin.so") ? "of dlopen" : "none");
	constructor = dlopen("early.so", RTLD_NOW | RTLD_DEEPBIND);
	say_text("with a constructor", "%s", constructor ? "loaded" : "not");
	constructor =
		dlmopen(LM_ID_BASE, "plugin.so", RTLD_NOW | RTLD_DEEPBIND);
	say_text("dlmopen, the program's own namespace", "%s",
		 constructor ? "loaded" : "not");
	load("dlmopen, then", "plugin.so", RTLD_NOW | RTLD_NOLOAD);
	return 0;
}
