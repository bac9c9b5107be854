/** Where a warm-up takes what it asks for. */
export type Source =
  | { readonly kind: 'recent' }
  | { readonly kind: 'album'; readonly albumId: string }
  | { readonly kind: 'ids'; readonly file: string }
  | { readonly kind: 'log'; readonly file: string }

/**
 * Reads `recent`, `album:<id>`, `ids:<file>` or `log:<file or folder>`.
 *
 * @throws RangeError that lists what there is
 */
export function parseSource(text: string): Source {
  if (text === 'recent') return { kind: 'recent' }
  const at = text.indexOf(':')
  const [kind, name] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
  if (name !== '') {
    if (kind === 'album') return { kind, albumId: name }
    if (kind === 'ids' || kind === 'log') return { kind, file: name }
  }
  throw new RangeError(`${text} is no source; there are recent, album:<id>, ids:<file>, log:<file or folder>`)
}

/** The source in words. */
export function describeSource(source: Source): string {
  switch (source.kind) {
    case 'recent':
      return 'the newest images'
    case 'album':
      return `album ${source.albumId}`
    case 'ids':
      return `the images in ${source.file}`
    case 'log':
      return `the requests in ${source.file}`
  }
}
