#pragma once
/* Sockets, addresses and the like stay Glibc's: without this line the types that libcurl's headers pull in would count as this
   module's, and every file that uses them would have to import it. */
#pragma clang module import SwiftGlibc
/* Its checks of an option's argument look at literals; here the option is an argument. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <stdlib.h>

/* Once for the process, before anything else. libcurl writes the keys of every connection to the file that SSLKEYLOGFILE names, whoever set it, and
   looks that up once, here. The variable is taken out for good: programs that are started from here do not get it either. Where it is not set nothing is changed;
   where it is, another thread that looks a variable up at this moment may miss one. */
static inline CURLcode flow_curl_begin(void) {
    unsetenv("SSLKEYLOGFILE");
    return curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* Swift cannot call functions with "...": one for each type that an option takes. */

static inline CURLcode flow_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}

static inline CURLcode flow_curl_set_size(CURL *easy, CURLoption option, int64_t value) {
    return curl_easy_setopt(easy, option, (curl_off_t)value);
}

/* libcurl copies the text. NULL takes the option back. */
static inline CURLcode flow_curl_set_text(CURL *easy, CURLoption option, const char *text) {
    return curl_easy_setopt(easy, option, text);
}

/* What is pointed to must stay until the handle is gone. */
static inline CURLcode flow_curl_set_pointer(CURL *easy, CURLoption option, void *pointer) {
    return curl_easy_setopt(easy, option, pointer);
}

/* libcurl copies the bytes. */
static inline CURLcode flow_curl_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = {(void *)bytes, count, CURL_BLOB_COPY};
    return curl_easy_setopt(easy, option, &blob);
}

static inline CURLcode flow_curl_set_list(CURL *easy, CURLoption option, struct curl_slist *list) {
    return curl_easy_setopt(easy, option, list);
}

/* For CURLOPT_WRITEFUNCTION, CURLOPT_HEADERFUNCTION and CURLOPT_READFUNCTION, which have one form. */
static inline CURLcode flow_curl_set_transfer(CURL *easy, CURLoption option, curl_write_callback callback) {
    return curl_easy_setopt(easy, option, callback);
}

static inline CURLcode flow_curl_set_seek(CURL *easy, curl_seek_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, callback);
}

static inline CURLcode flow_curl_set_open_socket(CURL *easy, curl_opensocket_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}

static inline CURLcode flow_curl_set_before_request(CURL *easy, curl_prereq_callback callback) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, callback);
}

static inline CURLcode flow_curl_get_long(CURL *easy, CURLINFO info, long *value) { return curl_easy_getinfo(easy, info, value); }

static inline CURLMcode flow_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}

/* The handle of the next transfer that is over, and how it ended; NULL when there is none. */
static inline CURL *flow_curl_next_ended(CURLM *multi, CURLcode *result) {
    int left;
    const CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) continue;
        *result = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}

/* Where the address in what CURLOPT_OPENSOCKETFUNCTION is given begins; the field is declared shorter than it is. */
static inline const struct sockaddr *flow_curl_address(const struct curl_sockaddr *address) { return &address->addr; }

/* Numbers whose macros and nameless enums Swift does not see as what they are. */
static const size_t flow_curl_write_pause = CURL_WRITEFUNC_PAUSE;
static const size_t flow_curl_read_pause = CURL_READFUNC_PAUSE;
static const size_t flow_curl_read_abort = CURL_READFUNC_ABORT;
static const long flow_curl_http_1_1 = CURL_HTTP_VERSION_1_1;
static const long flow_curl_tls_1_2 = CURL_SSLVERSION_TLSv1_2;
static const long flow_curl_separate_headers = CURLHEADER_SEPARATE;
