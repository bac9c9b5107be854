import { find } from './html.ts'

/** Takes files from the picker, and those dropped anywhere on the page. */
export function acceptFiles(onFiles: (files: File[]) => void): void {
  const picker = find('files', HTMLInputElement)
  picker.addEventListener('change', () => {
    onFiles([...(picker.files ?? [])])
    // Else choosing the same file again would be no change.
    picker.value = ''
  })

  // A child is entered before its parent is left, so this falls to 0 only outside the page.
  let depth = 0
  const moveTo = (newDepth: number): void => {
    depth = newDepth
    document.body.classList.toggle('dragging', depth > 0)
  }
  const onFileDrag = (
    type: 'dragenter' | 'dragleave' | 'dragover' | 'drop',
    act: (event: DragEvent) => void,
  ) =>
    document.addEventListener(type, (event) => {
      // A picture dragged off the page itself is no upload.
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      act(event)
    })
  onFileDrag('dragenter', () => moveTo(depth + 1))
  onFileDrag('dragleave', () => moveTo(depth - 1))
  onFileDrag('dragover', () => undefined)
  onFileDrag('drop', (event) => {
    moveTo(0)
    onFiles([...(event.dataTransfer?.files ?? [])])
  })
}
