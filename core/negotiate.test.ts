import { describe, expect, it } from 'vitest'
import { negotiate } from './negotiate.ts'

const chrome = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'
const firefox = 'image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5'
const safari13 = 'image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5'
const safari14 = 'image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5'

describe('negotiate', () => {
  it.each([
    [chrome, 'avif'],
    [firefox, 'avif'],
    [safari14, 'webp'],
    [safari13, 'jpeg'],
    ['', 'jpeg'],
    ['*/*', 'jpeg'],
    ['image/*', 'jpeg'],
    ['text/html', 'jpeg'],
    ['image/avif,image/webp', 'avif'],
    ['image/webp,image/avif', 'avif'],
    ['IMAGE/AVIF', 'avif'],
    ['Image/WebP;Q=1.0', 'webp'],
    ['image/avif;q=0,image/webp', 'webp'],
    ['image/avif;q=0.000,image/webp', 'webp'],
    ['image/avif;q=0,image/webp;q=0,*/*', 'jpeg'],
    ['image/avif;q=0.5,image/webp;q=0.8', 'webp'],
    ['image/avif;q=0.5,image/webp', 'webp'],
    ['image/webp;q=0.5,image/jpeg;q=0.9', 'jpeg'],
    ['image/webp;q=0.8,*/*;q=0.9', 'jpeg'],
    ['image/webp;q=0.8,image/jpeg;q=0,*/*', 'webp'],
    ['image/webp;q=0.1,image/jpeg;q=0', 'webp'],
    ['image/avif;v=1;q=0.9,image/webp;q=0.8', 'avif'],
    ['image/avif ; q=0.9 , image/webp ; q=0.95', 'webp'],
    ['image/avif;q=abc,image/webp', 'webp'],
    ['image/avif;q=2,image/webp', 'webp'],
    ['image/avif;q=-1', 'jpeg'],
    ['image/avifx,ximage/webp', 'jpeg'],
    ['__proto__,constructor;q=1,image/webp', 'webp'],
    [';;,,,=,q=0', 'jpeg'],
  ])('%s -> %s', (accept, format) => {
    expect(negotiate(accept)).toBe(format)
  })

  it('does not read on for ever in an absurdly long header', () => {
    expect(negotiate(`${'x,'.repeat(600)}image/avif`)).toBe('jpeg')
  })
})
