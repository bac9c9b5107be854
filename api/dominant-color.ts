const binsPerChannel = 8

/**
 * The colour of which there is most, `#rrggbb`: the mean of the fullest of 8 x 8 x 8 bins. Transparent pixels count
 * as much as they show. Grey for a picture that is all transparent.
 *
 * @param rgba four bytes a pixel, not premultiplied
 */
export function dominantColor(rgba: Uint8Array): string {
  // Per bin: weight, and the weighted sums of red, green and blue.
  const bins = new Float64Array(binsPerChannel ** 3 * 4)
  let fullest = 0
  for (let at = 0; at + 3 < rgba.length; at += 4) {
    const [red, green, blue, alpha] = [rgba[at]!, rgba[at + 1]!, rgba[at + 2]!, rgba[at + 3]!]
    const bin = ((red >> 5) * binsPerChannel ** 2 + (green >> 5) * binsPerChannel + (blue >> 5)) * 4
    bins[bin]! += alpha
    bins[bin + 1]! += alpha * red
    bins[bin + 2]! += alpha * green
    bins[bin + 3]! += alpha * blue
    if (bins[bin]! > bins[fullest]!) fullest = bin
  }
  const weight = bins[fullest]!
  if (weight === 0) return '#808080'
  return `#${[1, 2, 3].map((channel) => hexByte(bins[fullest + channel]! / weight)).join('')}`
}

function hexByte(value: number): string {
  return Math.round(value).toString(16).padStart(2, '0')
}
