/** A CDN vendor has two names: the callback's, which records have, and the server API's. */

export type Vendor = { record: 'tencent' | 'hw'; api: 'Tencent' | 'Huawei' }

const VENDORS: Readonly<Record<string, Vendor>> = {
  tencent: { record: 'tencent', api: 'Tencent' },
  hw: { record: 'hw', api: 'Huawei' },
  huawei: { record: 'hw', api: 'Huawei' },
}

/** The vendor of either name, in any case; `undefined` for what ZEGOCLOUD does not document. */
export function vendorOf(name: unknown): Vendor | undefined {
  const key = typeof name === 'string' ? name.toLowerCase() : ''
  return Object.hasOwn(VENDORS, key) ? VENDORS[key] : undefined
}
