#pragma once
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

// What OpenSSL offers as macros only, and Swift does not see.

/// TLS 1.3, and 1.2 too when `allows_12`. 1 on success.
static inline int meridian_tls_set_versions(SSL_CTX *context, int allows_12) {
    return SSL_CTX_set_min_proto_version(context, allows_12 ? TLS1_2_VERSION : TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1;
}

/// What RFC 9113 section 9.2 forbids is off; a server's choice of cipher goes first.
static inline void meridian_tls_harden(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
}

/// A client hands each new session to its callback; nothing is kept inside the context.
static inline void meridian_tls_keep_outside(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
}

/// A server gives out tickets and keeps nothing.
static inline void meridian_tls_keep_nothing(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

/// Makes a TLS file lookup read the certificate revocation lists of `path`. Their number; 0 or less on failure.
static inline int meridian_tls_load_crls(SSL_CTX *context, const char *path) {
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (lookup == NULL) return 0;
    int count = X509_load_crl_file(lookup, path, X509_FILETYPE_PEM);
    if (count > 0) X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return count;
}

/// Whether the certificate's time is over.
static inline int meridian_x509_has_expired(const X509 *certificate) {
    return X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

/// Names the server that a client dials (SNI). 1 on success.
static inline int meridian_tls_set_server_name(SSL *connection, const char *name) {
    return (int)SSL_set_tlsext_host_name(connection, name);
}

/// The reason of an error of libssl, 0 for errors of other parts.
static inline int meridian_tls_reason(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
}

/// Copies the certificate's URI SAN and returns its length. -1 when there is none or more than one, when it is longer
/// than `capacity`, or when it has a zero byte.
static inline int meridian_x509_uri(const X509 *certificate, char *target, int capacity) {
    GENERAL_NAMES *names =
        (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int length = -1, found = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI) continue;
        const unsigned char *text = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
        int count = ASN1_STRING_length(name->d.uniformResourceIdentifier);
        if (++found > 1 || count > capacity || memchr(text, 0, (size_t)count) != NULL) {
            length = -1;
            break;
        }
        memcpy(target, text, (size_t)count);
        length = count;
    }
    GENERAL_NAMES_free(names);
    return length;
}

/// Seconds since 1970 UTC; INT64_MIN for a time that cannot be read.
static inline int64_t meridian_asn1_seconds(const ASN1_TIME *time) {
    struct tm parts;
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1) return INT64_MIN;
    return (int64_t)timegm(&parts);
}

/// Copies a name for people, ended by a zero byte and cut to `capacity`.
static inline void meridian_x509_name(const X509_NAME *name, char *target, int capacity) {
    target[0] = 0;
    if (name != NULL) X509_NAME_oneline(name, target, capacity);
}

/// Whether the chain in the PEM file `path`, its first certificate's own, ends in one of the authorities of `authorities`, with
/// each signature good and the certificate of use for `purpose` (X509_PURPOSE_…, 0 for any). Times are not looked at. 0, or OpenSSL's
/// number of what is wrong; -1 for files that cannot be read.
static inline int meridian_x509_verify_file(const char *authorities, const char *path, int purpose) {
    int result = -1;
    BIO *file = BIO_new_file(path, "r");
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509 *own = file == NULL ? NULL : PEM_read_bio_X509(file, NULL, NULL, NULL);
    if (own != NULL && store != NULL && context != NULL && chain != NULL &&
        X509_STORE_load_file(store, authorities) == 1) {
        for (X509 *next; (next = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL;) {
            if (sk_X509_push(chain, next) == 0) X509_free(next);
        }
        X509_STORE_set_flags(store, X509_V_FLAG_NO_CHECK_TIME);
        if (X509_STORE_CTX_init(context, store, own, chain) == 1) {
            if (purpose != 0) X509_STORE_CTX_set_purpose(context, purpose);
            X509_verify_cert(context);
            result = X509_STORE_CTX_get_error(context);
        }
    }
    sk_X509_pop_free(chain, X509_free);
    X509_free(own);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    BIO_free(file);
    ERR_clear_error();
    return result;
}

/// Whether one of the certificates of the PEM file `authorities` signed the list.
static inline int meridian_x509_signed_list(const char *authorities, X509_CRL *list) {
    int found = 0;
    BIO *file = BIO_new_file(authorities, "r");
    for (X509 *next; file != NULL && found == 0 && (next = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL;) {
        EVP_PKEY *key = X509_get0_pubkey(next);
        found = key != NULL && X509_NAME_cmp(X509_get_subject_name(next), X509_CRL_get_issuer(list)) == 0 &&
                X509_CRL_verify(list, key) == 1;
        X509_free(next);
    }
    BIO_free(file);
    ERR_clear_error();
    return found;
}

/// Whether the list names the certificate.
static inline int meridian_x509_is_revoked(X509_CRL *list, X509 *certificate) {
    X509_REVOKED *entry = NULL;
    return X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_issuer_name(certificate)) == 0 &&
           X509_CRL_get0_by_cert(list, &entry, certificate) == 1;
}
