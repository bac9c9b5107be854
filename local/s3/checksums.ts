import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const CHECKSUM_ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number]

/** A checksum computed over data that arrives in pieces. */
export interface RunningChecksum {
  update(bytes: Buffer): void
  digest(): Buffer
}

/** Starts computing one of the checksums S3 knows. */
export function createChecksum(algorithm: ChecksumAlgorithm): RunningChecksum {
  return FACTORIES[algorithm]()
}

/** The header or trailer field a checksum travels in, for example `x-amz-checksum-crc32`. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`
}

/** Recognizes an algorithm by its name in any case, as in `x-amz-checksum-algorithm`. */
export function parseChecksumAlgorithm(name: string | undefined): ChecksumAlgorithm | undefined {
  return CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name?.toUpperCase())
}

const FACTORIES: Record<ChecksumAlgorithm, () => RunningChecksum> = {
  CRC32: createCrc32,
  CRC32C: createCrc32c,
  CRC64NVME: createCrc64Nvme,
  SHA1: () => createDigest('sha1'),
  SHA256: () => createDigest('sha256'),
}

function createDigest(algorithm: string): RunningChecksum {
  const hash = createHash(algorithm)
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() }
}

function createCrc32(): RunningChecksum {
  let value = 0
  return {
    update(bytes) {
      value = crc32(bytes, value)
    },
    digest: () => uint32(value),
  }
}

const CRC32C_TABLE = buildTable(0x82f63b78n)

function createCrc32c(): RunningChecksum {
  let value = 0xffffffff
  return {
    update(bytes) {
      for (const byte of bytes) value = (CRC32C_TABLE.low[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8)
    },
    digest: () => uint32(~value >>> 0),
  }
}

const CRC64_NVME_TABLE = buildTable(0x9a6c9329ac4bc9b5n)

// Two 32-bit halves, since BigInt arithmetic per byte is some fifty times slower.
function createCrc64Nvme(): RunningChecksum {
  const { low: lowTable, high: highTable } = CRC64_NVME_TABLE
  let low = 0xffffffff
  let high = 0xffffffff
  return {
    update(bytes) {
      for (const byte of bytes) {
        const index = (low ^ byte) & 0xff
        low = (lowTable[index] ?? 0) ^ ((low >>> 8) | (high << 24))
        high = (highTable[index] ?? 0) ^ (high >>> 8)
      }
    },
    digest: () => Buffer.concat([uint32(~high >>> 0), uint32(~low >>> 0)]),
  }
}

function buildTable(reflectedPolynomial: bigint): { low: Uint32Array; high: Uint32Array } {
  const low = new Uint32Array(256)
  const high = new Uint32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let entry = BigInt(byte)
    for (let bit = 0; bit < 8; bit++) entry = entry & 1n ? (entry >> 1n) ^ reflectedPolynomial : entry >> 1n
    low[byte] = Number(entry & 0xffffffffn)
    high[byte] = Number(entry >> 32n)
  }
  return { low, high }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
