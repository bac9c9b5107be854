import { describe, expect, it } from 'vitest'
import { pointAt } from './curve.ts'

const curve = [
  { quality: 40, score: 50, bytes: 1000, cpuMs: 10 },
  { quality: 60, score: 70, bytes: 4000, cpuMs: 20 },
  { quality: 80, score: 80, bytes: 8000, cpuMs: 22 },
]

describe('a point of a curve', () => {
  it('lies between the two that were measured', () => {
    const point = pointAt(curve, 60)!
    expect(point).toMatchObject({ quality: 50, score: 60, cpuMs: 15 })
    expect(point.bytes).toBeCloseTo(2000)
  })

  it('is one that was measured where the scores are the same', () => {
    for (const measured of curve) {
      const { bytes, ...rest } = pointAt(curve, measured.score)!
      const { bytes: expected, ...others } = measured
      expect(rest).toEqual(others)
      expect(bytes).toBeCloseTo(expected)
    }
  })

  it('is not made up beyond them', () => {
    expect(pointAt(curve, 49.9)).toBeNull()
    expect(pointAt(curve, 80.1)).toBeNull()
  })

  it('is found where scores rise again after a dip', () => {
    const rippled = [curve[1]!, { quality: 62, score: 68, bytes: 4100, cpuMs: 20 }, curve[2]!]
    expect(pointAt(rippled, 74)).toMatchObject({ quality: 71, score: 74 })
  })
})
