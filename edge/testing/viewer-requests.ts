import * as fc from 'fast-check'

import { signPermit } from '../../api/sign.ts'
import { aspectRatios, bandNames, formats, presets } from '../../core/ladder.ts'
import { formatLetters, type KeyName, signatureQuery, storedKeyName } from '../../core/signature.ts'

/** A request as it stands on the wire. */
export interface ViewerRequest {
  readonly method: string
  /** path and query, as in the request line */
  readonly target: string
  /** name and value; a name may come again */
  readonly headers: readonly (readonly [string, string])[]
}

export const ulid = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const uuid = '0192d3a4-5b6c-7d8e-9f00-112233445566'

const secrets: Record<KeyName, string> = { a: 'the old key', b: 'the new key' }

/** The KeyValueStore that the signatures of these requests are made for. */
export const signingKeys: Readonly<Record<string, string>> = {
  [storedKeyName('a')]: secrets.a,
  [storedKeyName('b')]: secrets.b,
}

export function get(target: string, ...headers: [string, string][]): ViewerRequest {
  return { method: 'GET', target, headers }
}

/** Requests that are each there for a reason: what the grammar knows, what it refuses, and what servers trip over. */
export function requestTable(): ViewerRequest[] {
  return [
    ...[...grammarQueries, ...refusedQueries, ...oddQueries].map((query) => get(`/i/${ulid}?${query}`)),
    ...signedQueries().map((query) => get(`/p/${ulid}?${query}`, ['Accept', 'image/avif'])),
    ...lengths.flatMap((length) => [
      get(padded(`/i/${ulid}?w=640&x=`, length)),
      get(padded(`/i/${ulid}?w=640&`, length)),
      get(padded(`/i/${ulid}/`, length)),
    ]),
    ...[...goodPaths, ...refusedPaths].map((path) => get(path)),
    ...acceptHeaders.map((values) =>
      get(`/i/${ulid}?w=640`, ...values.map((value): [string, string] => ['Accept', value])),
    ),
    ...forwardedHeaders.map((headers) => get(`/i/${ulid}?w=640`, ...headers)),
    ...methods.map((method) => ({ method, target: `/i/${ulid}?w=640`, headers: [] })),
    ...methods.map((method) => ({ method, target: '/elsewhere', headers: [] })),
    { method: 'HEAD', target: `/p/${ulid}?w=640&${signature()}`, headers: [['Accept', 'image/webp']] },
    { method: 'HEAD', target: `/p/${ulid}`, headers: [] },
  ]
}

const grammarQueries = [
  '',
  'w=640',
  'W=640',
  'w=601&utm=1',
  'dpr=2&w=320',
  'w=320&dpr=1.5',
  'w=360&dpr=1.1',
  'utm_source=x&w=640&fbclid=y',
  'w=640&w=640',
  'w=640&W=640&w=640',
  'w=8192&dpr=4',
  'w=1',
  'r=0A1B2C3D&w=640',
  'q=low',
  'q=HIGH',
  ...['1', '62', '63', '82', '83', '100'].map((quality) => `q=${quality}`),
  ...formats.map((format) => `f=${format}`),
  'f=JPG',
  ...Object.keys(presets).map((preset) => `preset=${preset}`),
  'preset=thumb&q=low',
  ...aspectRatios.map((ratio) => `w=640&ar=${ratio}`),
  'ar=16%3A9',
  'ar=16%3a9&fit=inside',
  'ar=1999:1000',
  'w=640&h=360',
  'w=640&h=8192&fit=cover',
  'fit=cover',
]

const refusedQueries = [
  ...['', '0', '-1', '+1', '01', '1e3', '8193', '99999', 'abc', '640%20', '%36%34%30', '6.4', '640px'].map(
    (width) => `w=${width}`,
  ),
  ...['', '0', '0.5', '5', '4.0001', '2.', '.5', '1.00000', 'NaN', '2x'].map((ratio) => `dpr=${ratio}`),
  ...['', '16', '16:0', '0:9', '16:9:4', '16/9', '10000:1', '16%253A9'].map((ratio) => `ar=${ratio}`),
  ...['', '0', '101', 'best'].map((quality) => `q=${quality}`),
  ...['', 'gif', 'avif ', 'a'].map((format) => `f=${format.replace(' ', '%20')}`),
  ...['', 'contain'].map((fit) => `fit=${fit}`),
  ...['', 'Thumb', 'constructor', '__proto__', 'toString'].map((preset) => `preset=${preset}`),
  'preset=thumb&w=640',
  'h=360',
  'r=0a1b2c3',
  'r=0a1b2c3g',
  'w=1&w=2',
  'w=1&W=2',
  'w=640&h=1&H=2&W=3',
  'w=1&w=2&w=1',
]

/** What parsers of query strings differ about. */
const oddQueries = [
  '&',
  '&&w=640&&',
  '=',
  '=640',
  'w',
  'w=640=1',
  'w==640',
  'w=640?x=1',
  'w=640#x',
  'w=640;h=360',
  'w[]=640',
  'w=640+',
  '%77=640',
  'w=640&%zz=1',
  'x=%',
  'w=640&x=%00',
  'x=\'"<>\\^`{|}',
  '__proto__=1&w=640',
  'constructor=1&toString=2&hasOwnProperty=3&valueOf=4&w=640',
  '1=1&0=0&w=640',
  'utm=1&utm=2&utm=3&w=640',
]

function signature(
  changes: { name?: KeyName; secret?: string; seconds?: number; widthMax?: number; formats?: string } = {},
): string {
  const { name = 'a', seconds = 3600, widthMax = 800 } = changes
  const expiresAt = Math.floor(Date.now() / 1000) + seconds
  const permit = { id: ulid, expiresAt, widthMax, formats: changes.formats ?? formatLetters }
  return signatureQuery(signPermit(permit, { name, secret: changes.secret ?? secrets[name] }))
}

function signedQueries(): string[] {
  const good = signature()
  return [
    `w=56&${good}`,
    `w=800&${good}`,
    `r=0a1b2c3d&w=640&${good}`,
    `w=640&${signature({ name: 'b' })}`,
    `w=640&${good.replace('e=', 'E=')}`,
    `preset=thumb&${good}`,
    `w=640&utm=1&${good}`,
    // and these are refused
    good,
    'w=640',
    `w=640&${good.replace(/&.*/, '')}`,
    `w=640&${good.replace(/.*&/, '')}`,
    `w=640&${good}&${good}`,
    `w=640&${good}&S=x`,
    'w=640&e=1&s=nonsense',
    'w=640&e=&s=',
    `w=640&${good.replace('s=a.', 's=b.')}`,
    `w=640&${good.replace('s=a.', 's=c.')}`,
    `w=640&${good.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))}`,
    `w=640&${good.replace(/.$/, '')}`,
    `w=640&${good}=`,
    `w=640&${good.replace(/e=1/, 'e=2')}`,
    `w=640&${good.replace('.800.', '.3816.')}`,
    `w=640&${good.replaceAll('.', '%2E')}`,
    `w=640&${signature({ secret: secrets.b })}`,
    `w=640&${signature({ seconds: -3600 })}`,
    `w=801&${good}`,
    `preset=full&${good}`,
    `w=640&${signature({ formats: 'j' })}`,
    `w=640&f=png&${signature({ formats: 'awj' })}`,
    `w=abc&${good}`,
  ]
}

const lengths = [2046, 2047, 2048, 2049, 2050, 4000, 9000]

function padded(start: string, length: number): string {
  return start.padEnd(length, 'y')
}

const goodPaths = [`/i/${ulid.toLowerCase()}`, `/i/${uuid}`, `/i/${uuid.toUpperCase()}?w=640`]

const refusedPaths = [
  '/',
  '//',
  '/i',
  '/i/',
  '/p/',
  '/I/' + ulid,
  `//i/${ulid}`,
  `/i//${ulid}`,
  `/i/${ulid}/`,
  `/i/./${ulid}`,
  `/i/x/../${ulid}`,
  `/x/../i/${ulid}`,
  `/i/${ulid}/.`,
  `/i/${ulid}/..`,
  `/i/${ulid};x=1`,
  `/i/${ulid}.avif`,
  `/i/${ulid}%3Fw=640`,
  `/i/${ulid}#x`,
  `/%69/${ulid}`,
  `/i%2F${ulid}`,
  `/i/%30${ulid.slice(1)}`,
  `/i/${ulid}%20`,
  `/i/${ulid}%0a`,
  `/i/${ulid}%c4%b1`,
  `/i/${ulid}%2e%2e`,
  `/i/${ulid}%5c`,
  `/i/${ulid}\\`,
  '/i/\\',
  '/i/%2e',
  `/i/8${ulid.slice(1)}`,
  `/i/${ulid.replace('R', 'U')}`,
  `/i/${ulid.slice(1)}`,
  `/i/${ulid}A`,
  `/i/${uuid.replaceAll('-', '')}`,
  `/i/{${uuid}}`,
  `/v/${ulid}/_/1-w640-q2.avif`,
  `/v/${ulid}/p_/1-w640-q2.avif`,
  '/v/../i/x',
  '/favicon.ico',
  '/nginx_status',
]

const acceptHeaders: string[][] = [
  ['image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'],
  ['image/webp,*/*'],
  ['*/*'],
  ['image/*'],
  ['image/avif;q=0,image/webp'],
  ['image/avif;q=0.5,image/webp;q=0.9,image/jpeg;q=0.1'],
  ['image/avif;q=0.5 , image/webp ; q=0.500'],
  ['image/webp;q=0,*/*;q=0'],
  ['image/jpg;q=1,image/webp;q=0.9'],
  ['IMAGE/AVIF;Q=0.9,image/webp;q=0.8'],
  ['image/avif;v=b3;q=0.1,image/webp;q=0.2'],
  ['image/avif;q=1.0000,image/webp;q=1.'],
  ['image/avif;q=2,image/webp;q=x,image/jpeg;q='],
  ['image/avif;q=.5'],
  ['image/avif; q=" 1"'],
  ['image/avif\t;q=0.3,\timage/webp'],
  [''],
  [',,;,'],
  ['__proto__,constructor;q=0'],
  ['text/html', 'image/webp'],
  ['image/webp;q=0.1', 'image/avif;q=0', 'image/avif'],
  ['image/webp', ''],
  ...['\u00a0', '\ufeff', '\u0085', '\u2003', '\u180e', 'K\u212a'].map((blank) => [
    `${blank}image/avif;q=1${blank}`,
  ]),
  ['x/y,'.repeat(249) + 'image/webp'],
  ['x/y,'.repeat(260) + 'image/webp'],
]

const forwardedHeaders: [string, string][][] = [
  [
    ['Range', 'bytes=0-9'],
    ['If-Range', '"a"'],
    ['If-None-Match', '"a", W/"b"'],
    ['If-Modified-Since', 'Sun, 01 Mar 2026 12:00:00 GMT'],
  ],
  [
    ['X-Forwarded-Host', 'evil.example'],
    ['Authorization', 'Bearer x'],
    ['Cache-Control', 'no-cache'],
    ['Cookie', 'session=secret; theme=dark'],
    ['Origin', 'https://evil.example'],
  ],
  [
    ['RANGE', 'bytes=0-9'],
    ['if-none-match', ''],
  ],
  [
    ['Range', 'bytes=0-9'],
    ['Range', 'bytes=10-19'],
  ],
  [
    ['X_Underscored', '1'],
    ['__proto__', '1'],
    ['constructor', '2'],
    ['Host_', 'x'],
  ],
  [['If-None-Match', '"\\"']],
]

/** Characters in a URL that fold to letters, or are digits, in some engines alone. No browser sends them unencoded. */
export const unencodedRequests: readonly ViewerRequest[] = [
  get(`/i/${ulid.replace('K', '\u212a')}`),
  get(`/i/${ulid.toLowerCase().replace('k', '\u212a')}`),
  get(`/i/${ulid.replace('M', '\u017f')}`),
  get(`/i/${uuid.replace('a', '\u00e1')}`),
  get(`/i/${ulid}?r=\uff41a1b2c3d`),
  get(`/i/${ulid}?w=\u0661`),
  get(`/i/${ulid}?q=med\u0131um`),
  get(`/i/${ulid}?w=640&city=K\u00f6ln`),
]

const methods = ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']

/** Requests near the grammar: mostly its words, some changed, some of any characters; and near every limit it has. */
export function anyViewerRequest(): fc.Arbitrary<ViewerRequest> {
  return fc.record({
    method: fc.oneof(
      { weight: 30, arbitrary: fc.constant('GET') },
      { weight: 1, arbitrary: fc.constantFrom(...methods) },
    ),
    target: fc.oneof(
      { weight: 8, arbitrary: anyTarget() },
      { weight: 2, arbitrary: anySignedTarget() },
      { weight: 1, arbitrary: fc.nat(8).map((more) => padded(`/i/${ulid}?w=640&x=`, 2044 + more)) },
    ),
    headers: fc
      .tuple(
        fc.array(
          anyAccept().map((value): [string, string] => ['Accept', value]),
          { maxLength: 2 },
        ),
        fc.array(fc.tuple(fc.constantFrom('Range', 'If-None-Match', 'X-Other'), oneLine()), { maxLength: 2 }),
      )
      .map((lists) => lists.flat()),
  })
}

function anyTarget(): fc.Arbitrary<string> {
  return fc.tuple(anyPath(), fc.array(anyParameter(), { maxLength: 5 })).map(([path, parameters]) => {
    return parameters.length === 0 ? path : `${path}?${parameters.join('&')}`
  })
}

function anyPath(): fc.Arbitrary<string> {
  const id = fc.constantFrom(ulid, ulid.toLowerCase(), uuid, uuid.toUpperCase())
  const changedId = fc
    .tuple(id, fc.nat(36), oneLine())
    .map(([text, at, inserted]) => text.slice(0, at) + inserted + text.slice(at + 1))
  return fc
    .tuple(
      fc.oneof(
        { weight: 9, arbitrary: fc.constant('/i/') },
        { weight: 1, arbitrary: fc.constantFrom('/p/', '/', '/v/', '/i//') },
      ),
      fc.oneof({ weight: 9, arbitrary: id }, { weight: 2, arbitrary: changedId }),
    )
    .map((parts) => parts.join(''))
}

function anyParameter(): fc.Arbitrary<string> {
  const known: Record<string, fc.Arbitrary<string>> = {
    // Evenly over the ladder, and about the bounds, which fast-check prefers.
    w: fc.oneof(fc.noBias(fc.integer({ min: 1, max: 3900 })), fc.integer({ min: -1, max: 9000 })).map(String),
    h: fc.integer({ min: 0, max: 9000 }).map(String),
    dpr: fc.integer({ min: 90, max: 410 }).map((hundredths) => String(hundredths / 100)),
    ar: fc
      .tuple(fc.nat(40), fc.nat(40), fc.constantFrom(':', '%3A', '%3a', 'x'))
      .map(([a, b, c]) => `${a}${c}${b}`),
    fit: fc.constantFrom('inside', 'cover', 'Cover', 'fill'),
    q: fc.oneof(fc.integer({ min: 0, max: 101 }).map(String), fc.constantFrom(...bandNames, 'Low')),
    f: fc.constantFrom(...formats, 'jpg', 'AVIF', 'gif'),
    r: fc.stringMatching(/^[0-9a-fA-F]{7,9}$/),
    preset: fc.constantFrom(...Object.keys(presets), 'other'),
  }
  // The width more often: what has none shares one key.
  const knownPair = fc
    .constantFrom(...Object.keys(known), 'w', 'w', 'w')
    .chain((name) => fc.tuple(fc.constantFrom(name, name, name, name.toUpperCase()), known[name]!))
  const name = fc.oneof(fc.constantFrom(...Object.keys(known), 'utm', '__proto__', 'e', 's', ''), oneLine())
  return fc
    .oneof(
      { weight: 6, arbitrary: knownPair },
      { weight: 2, arbitrary: fc.tuple(name, oneLine()) },
      { weight: 1, arbitrary: name.map((only) => [only]) },
    )
    .map((pair) => pair.join('='))
}

function anySignedTarget(): fc.Arbitrary<string> {
  const permit = fc.record({
    name: fc.constantFrom('a' as const, 'b' as const),
    seconds: fc.constantFrom(3600, 86_400, -3600),
    widthMax: fc.constantFrom(56, 640, 3816, 9999),
    formats: fc.constantFrom('a', 'awj', 'awjp', ''),
  })
  return fc
    .tuple(permit, anyParameter(), fc.option(fc.tuple(fc.nat(80), oneLine()), { freq: 2 }))
    .map(([changes, parameter, tampering]) => {
      const query = signature(changes)
      if (tampering === null) return `/p/${ulid}?${parameter}&${query}`
      const [at, inserted] = tampering
      return `/p/${ulid}?${parameter}&${query.slice(0, at)}${inserted}${query.slice(at + 1)}`
    })
}

function anyAccept(): fc.Arbitrary<string> {
  const range = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom('image/avif', 'image/webp', 'image/jpeg', 'image/*', '*/*', 'image/jpg'),
    },
    { weight: 1, arbitrary: oneLine() },
  )
  const weight = fc.oneof(
    fc.constantFrom('', '', ';q=0', ';q=1', ';q=0.0', ';q=0.', ';q=1.001', ' ; Q=0.7', ';level=1;q=0.3'),
    fc.nat(1000).map((thousandths) => `;q=${thousandths / 1000}`),
  )
  return fc
    .array(
      fc.tuple(range, weight).map((parts) => parts.join('')),
      { maxLength: 5 },
    )
    .map((ranges) => ranges.join(', '))
}

/** Characters of any kind but line feeds: HTTP's lines can't hold one, and njs's `$` also matches before a final one. */
function oneLine(): fc.Arbitrary<string> {
  return fc
    .oneof(fc.string({ maxLength: 4 }), fc.string({ unit: 'binary', maxLength: 3 }))
    .map((text) => text.replaceAll('\n', ''))
}
