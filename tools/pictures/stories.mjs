// The conversations in the pictures of docs/images: who says what to whom, and when.

/**
 * @typedef {{ from: string, at: string, text: string, to?: string, before?: string, reactions?: Record<string, string[]>, isNew?: boolean }} Line
 *   `to`: the text it answers; `before`: what it said until it was edited; `isNew`: unread messages begin here
 * @typedef {{ room: string, title: string, lines: Line[], read?: number }} Room `read`: how many of its lines one has read
 * @typedef {{ me: string, cast: string[], lobby: Line[], rooms: Room[], others: { room: string, title: string, here: string[] }[],
 *   secret: { by: string, title: string, invite: string[], lines: Line[] }, direct: { by: string, lines: Line[] }, typing: string }} Story
 */

/** @type {Story} */
export const ENGLISH = {
  me: "Mara Holm",
  cast: ["Jonas Weber", "Priya Nair", "Tom Okafor", "Lucía Ferrer"],
  lobby: [
    { from: "Jonas Weber", at: "17:42", text: "Board games at mine tonight? I have the **big table** back.", reactions: { "🎉": ["Priya Nair", "Lucía Ferrer"] } },
    { from: "Priya Nair", at: "17:44", text: "Yes! Count me in." },
    { from: "Priya Nair", at: "17:44", text: "I can bring Cascadia, it plays well with four", reactions: { "👍": ["Mara Holm", "Jonas Weber", "Tom Okafor"] } },
    { from: "Mara Holm", at: "17:51", text: "I get off at seven, so half past?" },
    { from: "Tom Okafor", at: "17:58", to: "I get off at seven, so half past?", text: "Half past works. Is the 12 still diverted around the bridge?" },
    {
      from: "Jonas Weber", at: "18:03", before: "Until Friday. Get off at Mill Lane and walk",
      text: "Until Friday. Get off at Mill Lane and walk, it is five minutes: https://example.org/mill-lane",
    },
    { from: "Lucía Ferrer", at: "18:05", text: "The gate sticks. Type `4711#`, lift, then push.", isNew: true },
    {
      from: "Jonas Weber", at: "18:06", text: "And nobody brings crisps this time, I am making flatbread 🫓",
      reactions: { "😂": ["Tom Okafor", "Priya Nair", "Lucía Ferrer"], "❤️": ["Mara Holm", "Priya Nair"] },
    },
    { from: "Tom Okafor", at: "18:09", text: "@Mara Holm what do we put on it?" },
    { from: "Priya Nair", at: "18:12", to: "And nobody brings crisps this time, I am making flatbread 🫓", text: "The hummus from the market! I am there before six anyway." },
  ],
  rooms: [
    {
      room: "garden", title: "Allotment 14", read: 3,
      lines: [
        { from: "Priya Nair", at: "16:20", text: "The beans are up, all of them" },
        { from: "Mara Holm", at: "16:31", text: "Even the ones by the wall?" },
        { from: "Priya Nair", at: "16:32", text: "Even those. I owe you a coffee." },
        { from: "Tom Okafor", at: "18:10", text: "Could somebody water on Saturday?" },
        { from: "Jonas Weber", at: "18:11", text: "I can" },
      ],
    },
    { room: "books", title: "Book club", lines: [{ from: "Jonas Weber", at: "12:05", text: "Next one is Piranesi, yes? I have a spare copy." }] },
  ],
  others: [{ room: "repair-cafe", title: "Repair café", here: ["Priya Nair", "Lucía Ferrer"] }, { room: "choir", title: "Choir", here: ["Tom Okafor"] }],
  secret: {
    by: "Jonas Weber", title: "Priya's birthday", invite: ["Mara Holm", "Tom Okafor", "Lucía Ferrer"],
    lines: [{ from: "Lucía Ferrer", at: "17:20", text: "Lemon cake or chocolate?" }],
  },
  direct: { by: "Tom Okafor", lines: [{ from: "Tom Okafor", at: "18:08", text: "Do you have my umbrella?" }] },
  typing: "Tom Okafor",
};

/** @type {Story} */
export const GERMAN = {
  me: "Mara Holm",
  cast: ["Jonas Weber", "Aylin Demir", "Tom Krüger", "Lucía Ferrer"],
  lobby: [
    { from: "Jonas Weber", at: "17:42", text: "Spieleabend heute bei mir? Der **große Tisch** ist wieder da.", reactions: { "🎉": ["Aylin Demir", "Lucía Ferrer"] } },
    { from: "Aylin Demir", at: "17:44", text: "Ja! Ich bringe Cascadia mit, das geht gut zu viert", reactions: { "👍": ["Mara Holm", "Jonas Weber", "Tom Krüger"] } },
    { from: "Mara Holm", at: "17:51", text: "Ich komme um sieben raus, also halb acht?" },
    { from: "Tom Krüger", at: "17:58", to: "Ich komme um sieben raus, also halb acht?", text: "Halb acht passt. Fährt die 12 noch den Umweg über die Brücke?" },
    { from: "Jonas Weber", at: "18:03", text: "Bis Freitag. Steigt am Mühlenweg aus, von da sind es fünf Minuten: https://example.org/muehlenweg" },
    { from: "Lucía Ferrer", at: "18:05", text: "Das Tor klemmt. Erst `4711#`, dann anheben, dann drücken.", isNew: true },
    {
      from: "Jonas Weber", at: "18:06", text: "Und diesmal keine Chips, ich backe Fladenbrot 🫓",
      reactions: { "😂": ["Tom Krüger", "Aylin Demir"], "❤️": ["Mara Holm"] },
    },
    { from: "Tom Krüger", at: "18:09", text: "@Mara Holm was kommt drauf?" },
  ],
  rooms: [
    {
      room: "garten", title: "Schrebergarten", read: 1,
      lines: [
        { from: "Aylin Demir", at: "16:20", text: "Die Bohnen sind da, alle" },
        { from: "Tom Krüger", at: "18:10", text: "Kann am Samstag jemand gießen?" },
      ],
    },
    { room: "lesekreis", title: "Lesekreis", lines: [{ from: "Jonas Weber", at: "12:05", text: "Als Nächstes Piranesi?" }] },
  ],
  others: [{ room: "repaircafe", title: "Repair-Café", here: ["Aylin Demir", "Lucía Ferrer"] }],
  secret: { by: "Jonas Weber", title: "Aylins Geburtstag", invite: ["Mara Holm", "Tom Krüger"], lines: [] },
  direct: { by: "Tom Krüger", lines: [{ from: "Tom Krüger", at: "18:08", text: "Hast du meinen Schirm?" }] },
  typing: "Aylin Demir",
};

/** @type {Story} */
export const ARABIC = {
  me: "مريم حداد",
  cast: ["يوسف كرم", "ليلى منصور", "Tom Okafor", "سامي عيسى"],
  lobby: [
    { from: "يوسف كرم", at: "17:42", text: "سهرة ألعاب عندي الليلة؟ عادت **الطاولة الكبيرة**.", reactions: { "🎉": ["ليلى منصور", "سامي عيسى"] } },
    { from: "ليلى منصور", at: "17:44", text: "نعم! سأحضر لعبة Cascadia، فهي جيدة لأربعة.", reactions: { "👍": ["مريم حداد", "يوسف كرم", "Tom Okafor"] } },
    { from: "مريم حداد", at: "17:51", text: "أنتهي من العمل في السابعة. هل يناسبكم السابعة والنصف؟" },
    { from: "Tom Okafor", at: "17:58", to: "أنتهي من العمل في السابعة. هل يناسبكم السابعة والنصف؟", text: "Half past seven works for me." },
    { from: "يوسف كرم", at: "18:03", text: "انزلوا عند شارع الطاحونة، ثم خمس دقائق مشيًا: https://example.org/mill-lane" },
    { from: "سامي عيسى", at: "18:05", text: "البوابة تعلق أحيانًا، والرمز هو `4711#`", isNew: true },
    { from: "ليلى منصور", at: "18:09", text: "@مريم حداد ماذا نحضر معنا؟", reactions: { "❤️": ["مريم حداد"] } },
  ],
  rooms: [
    {
      room: "garden", title: "الحديقة", read: 1,
      lines: [
        { from: "ليلى منصور", at: "16:20", text: "نبتت الفاصولياء كلها" },
        { from: "سامي عيسى", at: "18:10", text: "من يسقي يوم السبت؟" },
      ],
    },
    { room: "books", title: "نادي الكتاب", lines: [{ from: "يوسف كرم", at: "12:05", text: "ماذا نقرأ بعد ذلك؟" }] },
  ],
  others: [{ room: "choir", title: "الجوقة", here: ["سامي عيسى"] }],
  secret: { by: "يوسف كرم", title: "عيد ميلاد ليلى", invite: ["مريم حداد", "سامي عيسى"], lines: [] },
  direct: { by: "سامي عيسى", lines: [{ from: "سامي عيسى", at: "18:08", text: "هل مظلتي عندك؟" }] },
  typing: "يوسف كرم",
};
