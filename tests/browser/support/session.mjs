// What happens to a session without the doing of whoever has it.

/** Ends their session as time does. @param {import("./programs.mjs").Server} server
 * @param {import("./person.mjs").Person} person */
export async function endsSession({ url }, { page }) {
  const cookies = await page.context().cookies();
  const session = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  await fetch(`${url}/api/v1/session`, { method: "DELETE", headers: { cookie: session, origin: url } });
}
