/*
 * background: the parent waits until the child has said that the mount stands, or has ended.
 */
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "options.h"

/* What the parent exits with: 0 when the child said so, else as the child did. */
static int wait_for(pid_t child, int ready)
{
	char byte;
	ssize_t size;
	int status;

	do
		size = read(ready, &byte, 1);
	while (size < 0 && errno == EINTR);
	if (size == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return CLI_EXIT_WRONG;
	if (WIFSIGNALED(status))
		log_error("the background process was killed by signal %d", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : CLI_EXIT_WRONG;
}

bool background_enter(struct background *background, bool foreground, int *status)
{
	int ends[2];
	pid_t child;

	background->ready = -1;
	if (foreground)
		return true;
	*status = CLI_EXIT_WRONG;
	/* Now, while it can be said that it cannot be had. */
	background->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (background->null < 0 || pipe2(ends, O_CLOEXEC)) {
		log_error("cannot go to the background: %s", strerror(errno));
		if (background->null >= 0)
			close(background->null);
		return false;
	}
	child = fork();
	if (child < 0) {
		log_error("cannot fork: %s", strerror(errno));
		close(background->null);
		close(ends[0]);
		close(ends[1]);
		return false;
	}
	if (child > 0) {
		close(background->null);
		close(ends[1]);
		*status = wait_for(child, ends[0]);
		close(ends[0]);
		return false;
	}
	close(ends[0]);
	background->ready = ends[1];
	setsid();
	return true;
}

void background_ready(struct background *background)
{
	if (background->ready < 0)
		return;
	dup2(background->null, STDIN_FILENO);
	dup2(background->null, STDOUT_FILENO);
	dup2(background->null, STDERR_FILENO);
	if (background->null > STDERR_FILENO)
		close(background->null);
	/* Fails only when the parent is gone, which is nobody's loss. */
	while (write(background->ready, "", 1) < 0 && errno == EINTR)
		;
	close(background->ready);
	background->ready = -1;
}
