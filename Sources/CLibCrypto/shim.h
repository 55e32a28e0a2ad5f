#pragma once
/* Types that libcrypto's headers pull in stay Glibc's, as in CLibSSH. */
#pragma clang module import SwiftGlibc
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
