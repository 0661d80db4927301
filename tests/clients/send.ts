// How the client that orval generates sends a request: to the address in API, with the key in KEY.
export async function send<T>(path: string, options: RequestInit): Promise<T> {
  const headers = { ...options.headers, Authorization: `Bearer ${process.env.KEY}` };
  const response = await fetch(`${process.env.API}${path}`, { ...options, headers });
  const text = await response.text();
  const data: unknown = text ? JSON.parse(text) : undefined;
  return { data, status: response.status, headers: response.headers } as T; // which the generator says it is
}
