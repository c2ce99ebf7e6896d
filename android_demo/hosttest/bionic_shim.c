/* What Android's C library offers and glibc does not, or offers otherwise.
 *
 * adapt_elf.py renames the symbols listed here in a copy of an Android .so (first letter to
 * 'Z'), so that nothing of this reaches the rest of the process. Constants are those of bionic's
 * public headers for LP64.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* glibc's POSIX variant, declared only without _GNU_SOURCE */
extern int __xpg_strerror_r(int error, char *text, size_t room);

#define BIONIC_FILE_BYTES 152
#define BIONIC_SC_NPROCESSORS_CONF 0x60
#define BIONIC_SC_NPROCESSORS_ONLN 0x61
#define BIONIC_SC_PAGESIZE 0x27
#define BIONIC_SC_PAGE_SIZE 0x28

/* __sF: stdin, stdout and stderr as an array, of bionic before API level 23. */
char Z_sF[3 * BIONIC_FILE_BYTES];

static FILE *host_stream(void *stream) {
  size_t offset = (size_t)((char *)stream - Z_sF);
  if (offset >= sizeof Z_sF) return stream;
  FILE *standard[] = {stdin, stdout, stderr};
  return standard[offset / BIONIC_FILE_BYTES];
}

int *Z_errno(void) { return __errno_location(); }

size_t Z_strlen_chk(const char *text, size_t room) {
  (void)room;
  return strlen(text);
}

int Z_system_property_get(const char *name, char *value) {
  (void)name;
  value[0] = 0;
  return 0;
}

void Zndroid_set_abort_message(const char *message) { fprintf(stderr, "abort: %s\n", message); }

int Z_android_log_vprint(int priority, const char *tag, const char *format, va_list arguments) {
  (void)priority;
  fprintf(stderr, "%s: ", tag);
  int written = vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  return written;
}

int Ztrerror_r(int error, char *text, size_t room) { return __xpg_strerror_r(error, text, room); }

long Zysconf(int name) {
  switch (name) {
    case BIONIC_SC_NPROCESSORS_CONF: return sysconf(_SC_NPROCESSORS_CONF);
    case BIONIC_SC_NPROCESSORS_ONLN: return sysconf(_SC_NPROCESSORS_ONLN);
    case BIONIC_SC_PAGESIZE:
    case BIONIC_SC_PAGE_SIZE: return sysconf(_SC_PAGESIZE);
    default: errno = EINVAL; return -1;
  }
}

int Zclose(void *stream) { return fclose(host_stream(stream)); }
int Zflush(void *stream) { return fflush(host_stream(stream)); }
int Zileno(void *stream) { return fileno(host_stream(stream)); }
int Zputc(int character, void *stream) { return fputc(character, host_stream(stream)); }

size_t Zread(void *data, size_t size, size_t count, void *stream) {
  return fread(data, size, count, host_stream(stream));
}

size_t Zwrite(const void *data, size_t size, size_t count, void *stream) {
  return fwrite(data, size, count, host_stream(stream));
}

int Zfprintf(void *stream, const char *format, va_list arguments) {
  return vfprintf(host_stream(stream), format, arguments);
}

int Zprintf(void *stream, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int written = vfprintf(host_stream(stream), format, arguments);
  va_end(arguments);
  return written;
}
