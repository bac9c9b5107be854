/** The whole picture, small. */
export interface Preview {
  /** Four bytes a pixel, not premultiplied. */
  rgba: Uint8Array
  width: number
  height: number
}
