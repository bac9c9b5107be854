/** The head of a CloudFront standard log, with all its columns in their order. */
export const logHead = [
  '#Version: 1.0',
  '#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) ' +
    'cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken ' +
    'x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status ' +
    'fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len ' +
    'sc-range-start sc-range-end',
]

/** A line of such a log, as CloudFront writes it: `-` for what there is not, and percent signs encoded once more. */
export function logLine(
  url: string,
  { status = 200, type = null }: { status?: number; type?: string | null } = {},
): string {
  const [stem, query] = url.replaceAll('%', '%25').split('?')
  const fields =
    '2026-11-22 13:21:02 LHR62-C5 27946 192.0.2.100 GET d111111abcdef8.cloudfront.net ' +
    `${stem} ${status} https://www.example.com/album Mozilla/5.0%20(Windows%20NT%2010.0) ${query ?? '-'} - ` +
    'Miss SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ== img.example.com https 23 0.001 - TLSv1.3 ' +
    `TLS_AES_128_GCM_SHA256 Miss HTTP/2.0 - - 11040 0.001 Miss ${type ?? '-'} 27946 - -`
  return fields.replaceAll(' ', '\t')
}
