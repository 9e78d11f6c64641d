/** A content digest as OCI writes it: `algorithm:hex`. Only sha256 and sha512 are known here. */
export type Digest = string & { readonly __brand: 'Digest' }

const pattern = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** True where `text` is a well-formed digest. https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests */
export const isDigest = (text: unknown): text is Digest => typeof text === 'string' && pattern.test(text)

/** The digest, or null where the text is none. */
export const parseDigest = (text: unknown): Digest | null => (isDigest(text) ? text : null)
