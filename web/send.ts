/** Told how much of a body was sent, 0 to 1. */
export type OnProgress = (fraction: number) => void

export interface Answer {
  status: number
  text: string
}

/**
 * Sends a request; a text body is JSON. By XMLHttpRequest, because `fetch` does not tell how far an upload has come.
 *
 * @throws an error in words for a person if there is no answer
 */
export function send(request: {
  method: string
  url: string
  headers?: Record<string, string>
  body?: FormData | string | undefined
  onProgress?: OnProgress | undefined
}): Promise<Answer> {
  const { method, url, headers = {}, body, onProgress } = request
  const xhr = new XMLHttpRequest()
  xhr.open(method, url)
  for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
  if (typeof body === 'string') xhr.setRequestHeader('content-type', 'application/json')
  if (onProgress !== undefined) {
    xhr.upload.addEventListener('progress', ({ loaded, total }) => onProgress(loaded / total))
  }
  return new Promise((resolve, reject) => {
    xhr.addEventListener('load', () => resolve({ status: xhr.status, text: xhr.responseText }))
    xhr.addEventListener('error', () => reject(new Error('The server can’t be reached.')))
    xhr.send(body)
  })
}
