/** Dates in headers. Pure. */

const TIME = String.raw`(?<time>\d\d:\d\d:\d\d)`;
const MONTH = '(?<month>[A-Z][a-z]{2})';

/** The three forms of RFC 9110, section 5.6.7: the one to send, and two that are only to be read. */
const FORMS = [
  `(?<weekday>[A-Z][a-z]{2}), (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT`,
  `(?<weekday>Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT`,
  `(?<weekday>[A-Z][a-z]{2}) ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/** @returns milliseconds since 1970; undefined for what is no HTTP-date */
export function parseHttpDate(text: string, now = Date.now()): number | undefined {
  for (const form of FORMS) {
    const { weekday, day, month, year, time } = form.exec(text)?.groups ?? {};
    if (weekday === undefined || day === undefined || year === undefined) continue;
    const date = `${weekday.slice(0, 3)}, ${day.replace(' ', '0')} ${month} ${wholeYear(year, now)} ${time} GMT`;
    const parsed = new Date(date);
    // JavaScript reads more than it should: only what it would write is right.
    return parsed.toUTCString() === date ? parsed.getTime() : undefined;
  }
  return undefined;
}

/** Of two digits: what would be more than fifty years ahead is a century earlier. */
function wholeYear(year: string, now: number): string {
  if (year.length === 4) return year;
  const thisYear = new Date(now).getUTCFullYear();
  const inThisCentury = thisYear - (thisYear % 100) + Number(year);
  return String(inThisCentury > thisYear + 50 ? inThisCentury - 100 : inThisCentury);
}
