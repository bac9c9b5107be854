const extension = 0x21
const image = 0x2c
const trailer = 0x3b

/**
 * Whether a GIF ends where one of its blocks ends. libvips takes the frames of a cut-off animation that it has and
 * says nothing of the rest; the block structure tells. A missing trailer alone is forgiven: many files have none.
 */
export function isGifWhole(bytes: Uint8Array): boolean {
  let at = 13 + paletteBytes(bytes[10])
  while (at < bytes.length) {
    const kind = bytes[at]
    if (kind === trailer) return true
    if (kind === extension) at += 2
    // 10 bytes of descriptor, a local palette, and one byte of LZW code size.
    else if (kind === image) at += 11 + paletteBytes(bytes[at + 9])
    // Padding after the last frame, as some encoders leave it.
    else return true
    const end = subBlocksEnd(bytes, at)
    if (end === null) return false
    at = end
  }
  return at === bytes.length
}

/** Where a chain of sub-blocks ends, past its terminator; null if the bytes end before it. */
function subBlocksEnd(bytes: Uint8Array, start: number): number | null {
  let at = start
  while (at < bytes.length) {
    const length = bytes[at]!
    at += 1 + length
    if (length === 0) return at
  }
  return null
}

function paletteBytes(flags: number | undefined): number {
  return flags === undefined || (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1)
}
