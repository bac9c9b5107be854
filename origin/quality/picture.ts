/** Decoded pixels: 8 bits a channel, three channels (R, G, B) a pixel, row by row, in sRGB. */
export interface Picture {
  width: number
  height: number
  pixels: Uint8Array
}
