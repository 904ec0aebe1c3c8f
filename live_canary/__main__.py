from live_canary.cli import main

if __name__ == "__main__":
    main()
