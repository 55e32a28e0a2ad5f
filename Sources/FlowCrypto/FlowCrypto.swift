// FlowCrypto: digests, message authentication codes, sealing and random bytes, by Debian's libcrypto. The only room that knows it.
//
// - `Digest(of:)` and `RunningDigest`: SHA-256, at once and in parts. The name `Digest` is FlowModel's.
// - `HMAC`: codes of messages, checked in constant time.
// - `SealingKey`: AES-256-GCM.
// - `SystemRandom`: bytes for keys and ids.
//
// Every algorithm is fetched from libcrypto at its first use and kept (`Algorithms`): a process that exits may have threads that still
// hash, and libcrypto's own clean-up at exit takes away what a fetch needs, but nothing of what is held.
//
// What it must not know: what is hashed or sealed, and why. It imports FlowModel and nothing else of ours.
