/** Stands in the receiver's place: its binding EVENTS feeds the consumer. */
export default { fetch: () => new Response(null, { status: 404 }) } satisfies ExportedHandler
